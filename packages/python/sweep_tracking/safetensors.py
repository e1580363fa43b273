"""Tensors and arrays as a file of the safetensors format (https://github.com/huggingface/safetensors, 0.4): eight bytes
with the length of a JSON header, the header, and the numbers row by row, little-endian.
"""

from __future__ import annotations

import json
import struct
import sys
from typing import Any, Dict, Mapping, Tuple

_TORCH = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
    "uint64": "U64", "uint32": "U32", "uint16": "U16",
}  # fmt: skip


def save_tensors(tensors: Mapping[str, Any], path: str) -> None:
    """Writes torch tensors and numpy arrays by name. Raises TypeError for kinds of numbers that the format lacks."""
    if sys.byteorder != "little":
        raise TypeError("safetensors are little-endian, and this machine is not")
    header: Dict[str, Any] = {}
    offset = 0
    for name, tensor in tensors.items():
        kind = str(tensor.dtype).rpartition(".")[2]
        if kind not in _TORCH:
            raise TypeError(f"{name} is of {tensor.dtype}, which safetensors do not have")
        length = _bytes_of(tensor)
        header[name] = {"dtype": _TORCH[kind], "shape": list(tensor.shape), "data_offsets": [offset, offset + length]}
        offset += length
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers are aligned
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for tensor in tensors.values():
            file.write(_data(tensor))


def load_tensors(path: str) -> Dict[str, Tuple[str, Tuple[int, ...], bytes]]:
    """(kind, shape, bytes) by name. For programs without a library for it."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    header.pop("__metadata__", None)
    return {
        name: (item["dtype"], tuple(item["shape"]), data[item["data_offsets"][0] : item["data_offsets"][1]])
        for name, item in header.items()
    }


def _bytes_of(tensor: Any) -> int:
    if hasattr(tensor, "element_size"):
        return int(tensor.nelement() * tensor.element_size())
    return int(tensor.nbytes)


def _data(tensor: Any) -> bytes:
    if hasattr(tensor, "element_size"):
        import torch

        flat = tensor.detach().cpu().contiguous().reshape(-1)
        # As bytes, because numpy lacks some of torch's kinds of numbers.
        return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    return tensor.tobytes()  # type: ignore[no-any-return]  # row by row, whatever its strides
