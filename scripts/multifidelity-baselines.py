"""Runs the suite's own script of many fidelities on LCBench too, with the surrogate that our benchmark evaluates.

    PYTHONPATH=… python3 scripts/multifidelity-baselines.py --methods st-asha,tpe+sh --tasks lcbench_167168 --seeds 20 --raw FOLDER

Takes the options of ../shared/bench/run_multifidelity.py; needs onnxruntime, and Optuna or Syne Tune for their methods.
scripts/multifidelity-baselines.mjs makes the benchmark's file of what lies in FOLDER.
"""

import json
import pathlib
import runpy
import sys

import numpy
import onnxruntime

SHARED = pathlib.Path("../shared").resolve()
LCBENCH = SHARED / "data/yahpo/lcbench"
sys.path.insert(0, str(SHARED / "bench"))
import suite  # noqa: E402

# As test/bench/multifidelity/lcbench.ts has it: step 1 is epoch 2.
FIRST_EPOCH = 1
STEPS = 50
SPACE = [
    suite.I("batch_size", 16, 512, True),
    suite.F("learning_rate", 1e-4, 0.1, True),
    suite.F("momentum", 0.1, 0.99),
    suite.F("weight_decay", 1e-5, 0.1),
    suite.I("num_layers", 1, 5),
    suite.I("max_units", 64, 1024, True),
    suite.F("max_dropout", 0, 1),
]

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(str(LCBENCH / "model.onnx"), options)
scenario = json.loads((LCBENCH / "scenario.json").read_text())
codes = json.loads((LCBENCH / "encoding.json").read_text())[scenario["instance_parameter"]]
inputs = scenario["onnx_inputs"]["x_cont"]["columns"]
outputs = [column["name"] for column in scenario["onnx_output"]["columns"]]


class LcbenchTask:
    kind = "surrogate"
    T = STEPS
    space = SPACE
    # Not known: the script subtracts it from what it found, and nothing is made of that.
    opt = 0.0

    def __init__(self, dataset):
        self.name = f"lcbench_{dataset}"
        self.code = codes[dataset]
        self.known = {}

    def outcome(self, config):
        """Seconds a step, and the error in percent after each step."""
        key = tuple(config.values())
        if key not in self.known:
            rows = [
                [epoch if name == "epoch" else config[name] for name in inputs]
                for epoch in range(FIRST_EPOCH, FIRST_EPOCH + STEPS + 1)
            ]
            given = {
                "x_cat": numpy.full((len(rows), 1), self.code, numpy.int32),
                "x_cont": numpy.array(rows, numpy.float32),
            }
            (found,) = session.run(None, given)
            seconds = found[:, outputs.index("time")].astype(float)
            errors = 100.0 - found[:, outputs.index("val_accuracy")].astype(float)
            self.known[key] = (seconds[-1] - seconds[0]) / STEPS, errors
        return self.known[key]

    def cost(self, config):
        return float(self.outcome(config)[0])

    def curve(self, config, step):
        return float(self.outcome(config)[1][step])

    curve_true = curve

    def true(self, config):
        return self.curve(config, STEPS)


for dataset in scenario["single_objective_suite_instances"]:
    suite.add(LcbenchTask(dataset))
runpy.run_path(str(SHARED / "bench/run_multifidelity.py"), run_name="__main__")
