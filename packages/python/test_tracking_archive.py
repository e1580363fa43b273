"""Archives of checkpoints, as they are packed and unpacked, and what is no such archive."""

import hashlib
import io
import os
import sys
import tarfile
import unittest
from unittest import mock

from testing_sweep import CleanTest
from testing_tracking import FOLDER, forget


class ArchiveTest(CleanTest):
    def setUp(self):
        super().setUp()
        path = mock.patch.object(sys, "path", [str(FOLDER), *sys.path])
        path.start()
        self.addCleanup(path.stop)
        forget()
        self.addCleanup(forget)
        from sweep_tracking import archive

        self.archive = archive
        (self.dir / "from").mkdir()

    def write(self, name, data=b"", mode=0o644):
        path = self.dir / "from" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(mode)

    def packed(self):
        return b"".join(self.archive.pack(str(self.dir / "from")))

    def unpack(self, data, sha256=None):
        self.archive.unpack(io.BytesIO(data), sha256 or hashlib.sha256(data).hexdigest(), str(self.dir / "to"))

    def everything(self, folder):
        found = {}
        for top, folders, names in os.walk(self.dir / folder):
            for name in folders + names:
                path = os.path.join(top, name)
                kind = os.readlink(path) if os.path.islink(path) else None
                if kind is None and os.path.isfile(path):
                    with open(path, "rb") as file:
                        kind = (file.read(), os.access(path, os.X_OK))
                found[os.path.relpath(path, self.dir / folder)] = kind
        return found

    def test_what_was_packed_is_unpacked(self):
        self.write("empty")
        self.write("a" * 90 + "/" + "b" * 200, b"long")
        self.write("deep/\u00e4 \u2713", b"x" * 3_000_001)
        self.write("run.sh", b"#!", 0o755)
        (self.dir / "from" / "nothing").mkdir()
        (self.dir / "from" / "link").symlink_to("deep")
        (self.dir / "from" / "deep" / "up").symlink_to("../empty")
        self.unpack(self.packed())
        self.assertEqual(self.everything("to"), self.everything("from"))
        self.assertEqual(self.err.getvalue(), "")

    def test_the_same_files_are_the_same_bytes_whenever_they_were_written(self):
        self.write("b", b"1")
        self.write("a", b"2")
        first = self.packed()
        self.assertEqual(self.archive.digest(iter([first])), (hashlib.sha256(first).hexdigest(), len(first)))
        os.utime(self.dir / "from" / "a", (1, 1))
        self.assertEqual(self.packed(), first)

    def test_links_that_lead_out_stay_behind_and_that_is_said(self):
        for name, target in (("a", "/etc/passwd"), ("b", "../secret"), ("c", "d/../../secret")):
            (self.dir / "from" / name).symlink_to(target)
        self.unpack(self.packed())
        self.assertEqual(self.everything("to"), {})
        self.assertIn("a of a checkpoint is left out", self.err.getvalue())

    def test_a_file_that_shrinks_while_it_is_read_is_an_error(self):
        self.write("a", b"x" * 2_000_000)
        pieces = self.archive.pack(str(self.dir / "from"))
        next(pieces), next(pieces)
        os.truncate(self.dir / "from" / "a", 10)
        with self.assertRaises(OSError):
            list(pieces)

    def test_damaged_bytes_are_noticed_wherever_they_are(self):
        self.write("a", b"x" * 100_000)
        good = self.packed()
        for at in (0, 300, 50_000, len(good) - 1):
            with self.subTest(at):
                bad = bytearray(good)
                bad[at] ^= 1
                with self.assertRaises(self.archive.Damaged):
                    self.unpack(bytes(bad), hashlib.sha256(good).hexdigest())
                self.clear()
        for length in (0, 100, 50_000, len(good) - 512):
            with self.subTest(length), self.assertRaises(self.archive.Damaged):
                self.unpack(good[:length], hashlib.sha256(good).hexdigest())
            self.clear()

    def clear(self):
        import shutil

        shutil.rmtree(self.dir / "to", ignore_errors=True)

    def made(self, *entries):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as made:
            for name, kind, target in entries:
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname = kind, target
                made.addfile(entry)
        return out.getvalue()

    def test_nothing_is_unpacked_outside_of_the_folder(self):
        for entries in (
            [("../out", tarfile.REGTYPE, "")],
            [("/out", tarfile.REGTYPE, "")],
            [("a/../../out", tarfile.REGTYPE, "")],
            [("link", tarfile.SYMTYPE, "/etc")],
            [("link", tarfile.SYMTYPE, "../..")],
            [("a", tarfile.LNKTYPE, "b")],
            [("a", tarfile.CHRTYPE, "")],
            [("a", tarfile.REGTYPE, ""), ("a", tarfile.REGTYPE, "")],
            [("a", tarfile.REGTYPE, ""), ("a/b", tarfile.REGTYPE, "")],
            [("a", tarfile.REGTYPE, ""), ("a", tarfile.SYMTYPE, "b")],
        ):
            with self.subTest(entries), self.assertRaises(self.archive.Damaged):
                self.unpack(self.made(*entries))
            self.clear()
        self.assertFalse((self.dir / "out").exists())


if __name__ == "__main__":
    unittest.main()
