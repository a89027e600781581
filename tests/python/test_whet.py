#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""python/whet.py against the real program, with NumPy where it is there and without. usage: test_whet.py WHET"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import types
import unittest
from unittest import mock
import warnings
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "tests")]
import whet  # noqa: E402
from tiny_onnx import tiny_model  # noqa: E402

QUICK = {"runtime": "native", "quick": True, "threads": 1, "iterations": 6, "min_time": 0.02, "warmup": 1}
SHAPE = (1, 3, 8, 8)


def nested(shape, value):
    return value() if not shape else [nested(shape[1:], value) for _ in range(shape[0])]


def numbers():
    state = [0]

    def next_one():
        state[0] += 1
        return (state[0] * 37 % 19 - 9) / 4
    return nested(SHAPE, next_one)


def relu(x):
    return [relu(v) for v in x] if isinstance(x, list) else max(x, 0.0)


def as_lists(y):
    return y.tolist() if hasattr(y, "tolist") else y


class Calls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="whet-python-")
        os.chdir(cls.folder.name)
        os.environ["WHET_STORE"] = os.path.join(cls.folder.name, "own.sqlite")
        pathlib.Path("m.onnx").write_bytes(tiny_model())
        cls.bench = whet.bench("m.onnx", **QUICK)

    @classmethod
    def tearDownClass(cls):
        os.chdir("/")
        cls.folder.cleanup()

    def test_bench(self):
        r = self.bench
        self.assertTrue(r.ok)
        self.assertEqual(r.kind, "bench")
        self.assertEqual(r.rows[0]["status"], "ok")
        self.assertEqual(r["rows"][0]["runtime"], "native")
        row = r.flat()[0]
        self.assertEqual((row["model"], row["batch"], row["threads"]), ("m.onnx", 1, 1))
        self.assertGreater(row["p50_ms"], 0)
        self.assertAlmostEqual(row["size_mb"], len(tiny_model()) / 1e6)
        self.assertEqual(len(r.samples()), r.rows[0]["latency"]["n"])
        self.assertEqual(list(r.samples()), list(r.samples("r0")))
        self.assertEqual(len(r.table()), 1)
        self.assertIn("1 rows", repr(r))

    def test_pandas(self):
        """A DataFrame where pandas is there, the same flat rows as a list where it is not."""
        document = {"kind": "bench", "rows": [{"id": "r0", "model": "m.onnx", "runtime": "native", "size_bytes": 2_500_000, "latency": {"p50": 1.5, "p50_low": 1.4},
                                               "energy": None, "axes": {"train.lr": 0.1}}]}
        r = whet.Result(document)
        with mock.patch.dict(sys.modules, {"pandas": None}):
            flat = r.table()
        self.assertIsInstance(flat, list)
        self.assertEqual([flat[0][k] for k in ("id", "size_mb", "p50_ms", "p90_ms", "train.lr")], ["r0", 2.5, 1.5, None, 0.1])
        fake = types.ModuleType("pandas")
        fake.DataFrame = lambda rows: ("frame", rows)
        with mock.patch.dict(sys.modules, {"pandas": fake}):
            self.assertEqual(r.table(), ("frame", flat))

    def test_bench_is_stored(self):
        stored = whet.results()
        self.assertGreaterEqual(len(stored.rows), 1)
        self.assertEqual(whet.results("1").rows[0]["model"], "m.onnx")
        self.assertIn("summary", stored.flat()[0])

    def test_pictures(self):
        bad = {**self.bench.document, "summary": "<script>", "rows": [{**self.bench.rows[0], "model": "<b>&\"", "status": "runtime failed: x"}]}
        for r in (self.bench, whet.Result(bad, 1), whet.compare(self.bench, self.bench), whet.results(), whet.Result({"kind": "x"})):
            text = r._repr_html_()
            self.assertNotIn("<script>", text)
            self.assertNotIn("<b>", text)
            for svg in [r.svg()] if r.svg() else []:
                xml.etree.ElementTree.fromstring(svg)
                self.assertIn(svg, text)
        self.assertIn("not ok", whet.Result(bad, 1)._repr_html_())
        self.assertIn("same", whet.compare(self.bench, self.bench)._repr_html_())

    def test_run_and_verify(self):
        x = numbers()
        if whet.numpy is not None:
            x = whet.numpy.array(x, dtype="float32")
        y = whet.run("m.onnx", x)
        self.assertEqual(as_lists(y), relu(as_lists(x)))
        self.assertTrue(whet.verify("m.onnx", inputs=x, expect=y, accept="max=1e-6").ok)
        self.assertTrue(whet.verify("m.onnx", inputs=[x], expect=[y]).ok if whet.numpy is not None else True)
        self.assertFalse(whet.verify("m.onnx", inputs=x, expect=x, accept="max=1e-6").ok)
        self.assertIn(" do not agree: largest difference", whet.verify("m.onnx", inputs=x, expect=x, accept="max=1e-6").summary)

    def test_without_numpy(self):
        kept, whet.numpy = whet.numpy, None
        try:
            x = numbers()
            self.assertEqual(whet.run("m.onnx", x), relu(x))
            self.assertTrue(whet.verify("m.onnx", inputs=x, expect=relu(x), accept="max=0").ok)
            self.assertTrue(whet.verify("m.onnx", inputs=(x,), expect=(relu(x),), accept="max=0").ok)
            with mock.patch.object(whet, "command") as call:
                self.assertRaises(FileNotFoundError, whet.run, "two.onnx", x, x)
            self.assertEqual([os.path.basename(a) for a in call.call_args.args[2:]], ["x0.npy", "x1.npy"])
            self.assertIsInstance(self.bench.samples(), list)
            whet.save_npy("a.npy", [[1, 2.5], [3, 4]])
            self.assertEqual(whet.load_npy("a.npy"), [[1, 2.5], [3, 4]])
            whet.save_npy("b.npy", 7)
            self.assertEqual(whet.load_npy("b.npy"), 7)
            self.assertRaises(ValueError, whet.save_npy, "c.npy", [[1, 2], [3]])
            pathlib.Path("d.npy").write_bytes(b"no array")
            self.assertRaises(ValueError, whet.load_npy, "d.npy")
        finally:
            whet.numpy = kept
        if kept is not None:  # both ways of one file
            self.assertEqual(kept.load("a.npy").tolist(), [[1, 2.5], [3, 4]])
            kept.save("e.npy", kept.arange(6, dtype="int64").reshape(2, 3))
            whet.numpy = None
            try:
                self.assertEqual(whet.load_npy("e.npy"), [[0, 1, 2], [3, 4, 5]])
            finally:
                whet.numpy = kept

    def test_compare(self):
        slow = {**self.bench.document, "rows": [{**self.bench.rows[0], "samples": [
            {**b, "ns": [2 * n for n in b["ns"]]} for b in self.bench.rows[0]["samples"]]}]}
        slow["summary"] = "slower"
        r = whet.compare(self.bench, whet.Result(slow), gate={"speed": "5%", "size": "1%"})
        self.assertFalse(r.ok)
        self.assertEqual(r.flat()[0]["speed_verdict"], "worse")
        self.assertAlmostEqual(r.flat()[0]["speed"], 2, places=6)
        self.assertEqual(r.flat()[0]["size_verdict"], "same")
        self.assertTrue(whet.compare(whet.Result(slow), self.bench, gate="all").ok)
        self.bench.save("r.json")
        self.assertTrue(whet.compare("r.json", "latest:nosuch" if False else "r.json", gate=["speed=5%", "memory"]).ok)

    def test_study(self):
        pathlib.Path("s.json").write_text('{"model": "m.onnx", "runtime": "native", "threads": 1}')
        r = whet.study("s.json", out="out", set={"bench.min_time": 0.02, "bench.iterations": 6})
        self.assertTrue(r.ok)
        self.assertEqual(r.kind, "study")
        self.assertTrue(os.path.exists("out/report.html"))
        self.assertEqual(r.flat()[0]["status"], "ok")
        self.assertGreater(r["steps_done"], 0)

    def test_errors(self):
        for code, call in ((2, lambda: whet.bench("m.onnx", quik=True)), (3, lambda: whet.bench("none.onnx", quick=True)),
                           (2, lambda: whet.compare("a", "b", gate="sped")), (3, lambda: whet.compare("a.json", "b.json")), (3, lambda: whet.results("nosuch"))):
            with self.assertRaises(whet.WhetError) as caught:
                call()
            self.assertEqual(caught.exception.code, code)
            self.assertGreater(len(str(caught.exception)), 10)
            self.assertNotIn("\n", str(caught.exception))
        kept, whet.program = whet.program, None
        environment = dict(os.environ)
        os.environ.update({"PATH": "", "WHET_PROGRAM": ""})
        try:
            if not any((ROOT / p).exists() for p in ("build/whet", "bin/whet")):
                self.assertRaises(whet.WhetError, whet.results)
        finally:
            whet.program = kept
            os.environ.update(environment)

    def test_warnings_are_passed_on(self):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            r = whet.bench("m.onnx", **QUICK, store="m.onnx/store.sqlite")
        self.assertTrue(r.ok)
        self.assertTrue(any("was not stored" in str(w.message) for w in seen), [str(w.message) for w in seen])

    def test_interrupt_reaches_the_program(self):
        """As in a notebook, the signal goes to Python alone; nothing may be left running."""
        code = (f"import sys; sys.path.insert(0, {str(ROOT / 'python')!r}); import whet; whet.program = {whet.program!r}\n"
                "whet.bench('m.onnx', runtime='native', threads=1, min_time=300, no_store=True)")
        heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # programs in the background of a shell are born deaf to it
        child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heard)

        def group():
            found = subprocess.run(["ps", "-eo", "pid,sid,args"], capture_output=True, text=True).stdout.splitlines()
            return [line for line in found if f" {child.pid} " in f" {' '.join(line.split()[:2])} " and "whet" in line and "-c" not in line.split()]

        deadline = time.monotonic() + 60
        while not group() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(3)  # Python itself, interrupted while it starts a program, forgets it
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=150)
        self.assertIn("KeyboardInterrupt", err)
        self.assertEqual(group(), [])


if __name__ == "__main__":
    whet.program = os.path.abspath(sys.argv.pop(1))
    done = unittest.main(exit=False, verbosity=0).result
    failed = len(done.failures) + len(done.errors)
    print(f"{done.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
