"""`lathe inspect --html`: what the page says is what --plan, --kernels, summary and compile say; in headless
Chromium everything can be chosen, nothing fails and nothing is loaded."""
import html
import json
import os
import re
import subprocess
import unittest

import numpy as np
import onnx
from onnx import helper, numpy_helper

import runs
from browser import Elements, chromium, console

NETWORK = """from keras import Model
from keras.layers import (Add, BatchNormalization, Concatenate, Conv2D, Dense, DepthwiseConv2D, Dropout, Flatten, Input,
                          MaxPooling2D, ReLU)

x = first = Input((12, 12, 8))
for i in range(2):
    y = Conv2D(8, 3, padding="same", use_bias=False, name=f"conv{i}")(x)
    y = BatchNormalization(name=f"norm{i}")(y)
    x = ReLU(name=f"act{i}")(Add(name=f"sum{i}")([x, y]))
for i in range(3):
    x = Conv2D(8, 3, padding="same", activation="relu", name=f"twin{i}")(x)
a = Conv2D(16, 1, activation="relu", name="left")(x)
b = DepthwiseConv2D(3, padding="same", name="middle")(x)
b = Conv2D(16, 1, activation="relu", name="point")(b)
x = Concatenate(name="join")([a, b, Conv2D(16, 3, padding="same", name="right")(x)])
x = Flatten(name="flat")(Dropout(0.2, name="drop")(MaxPooling2D(2, name="pool")(x)))
model = Model(first, Dense(5, activation="softmax", name="classes")(x))
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""
EXAMPLE = os.path.join(os.environ["LATHE_SOURCE"], "examples", "resnet20", "resnet20.py")
# Names of ONNX nodes may hold anything.
HOSTILE = ['</script><script>document.title = 1</script>', '"><img src=x onerror=document.title=1>',
           "' onclick='x", "*/ int oops; /*", "\u202eturned\u202c", "</title><b>&amp;&lt;", "${drawings}", "--><!--", "a\nb"]

CHAINS = ("--kernels", "random:1")  # some of its draws are chains

# Appended to a copy of the page: chooses every step of the function that is shown, and says what one sees then.
PROBE = """<script>addEventListener("load", async () => {
  const turn = () => new Promise(done => setTimeout(done, 0));
  const seen = {steps: [], requests: performance.getEntriesByType("resource").length,
    wide: document.documentElement.scrollWidth > innerWidth, dark: getComputedStyle(document.body).backgroundColor};
  const section = shown(), visible = e => e.getClientRects().length > 0;
  for (const box of all("a.step", section)) {
    box.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}));
    await turn();
    const open = all(".about", section).filter(visible);
    seen.steps.push({number: +box.id.split("-")[2], open: open.length, c: all("pre", open[0]).map(e => e.textContent),
      boxes: all(".step.on", section).map(e => e.id), buffers: all(".buffer.on", section).length,
      edges: all(".edge.on", section).length, text: open[0].textContent});
  }
  const buffer = all(".buffer", section)[0];
  buffer.dispatchEvent(new MouseEvent("click", {bubbles: true}));
  seen.near = all(".step.near", section).length;
  seen.users = all("a.step", section).filter(b => b.dataset.buffers.split(" ").includes("0")).length;
  const boxes = all("a.step", section), key = name => document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", {key: name, bubbles: true, cancelable: true}));
  all(".network", section)[0].focus();
  key("ArrowDown"); key("ArrowDown"); key("ArrowUp"); key("ArrowDown");
  seen.focus = document.activeElement.id;
  const graph = all(".graph", section)[0], width = graph.getBoundingClientRect().width;
  key("+");
  seen.larger = graph.getBoundingClientRect().width / width;
  all("input[value=bytes]")[0].click();
  seen.bars = ["time", "macs", "bytes"].map(by => visible(all(".by-" + by + " text", section)[0]));
  seen.foreign = all("img, b, iframe, [onclick], [onerror]").length;
  seen.scripts = all("script").length;
  document.title = JSON.stringify(seen);
})</script>"""


def printed(folder, *words):
    return runs.good(runs.run(folder, *words)).stdout


def write_chain(path, names):
    """Convolutions of 1x1 and depthwise ones in turn, which lathe makes chains of, as an ONNX file."""
    ones = [numpy_helper.from_array(np.ones(shape, np.float32), name)
            for name, shape in (("point", (16, 16, 1, 1)), ("depthwise", (16, 1, 3, 3)))]
    def node(i):
        deep = i % 2
        attributes = {"group": 16, "pads": [1, 1, 1, 1]} if deep else {}
        return helper.make_node("Conv", ["v%d" % i, ("point", "depthwise")[deep]], ["v%d" % (i + 1)], names[i], **attributes)
    shape = [1, 16, 8, 8]
    ends = [helper.make_tensor_value_info("v%d" % i, onnx.TensorProto.FLOAT, shape) for i in (0, len(names))]
    graph = helper.make_graph([node(i) for i in range(len(names))], '<i>"&', ends[:1], ends[1:], ones)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


def planned(text):
    """For each function its steps as (name, kernel, multiply-adds), and its buffers as (offset, bytes, name)."""
    plans = {}
    for part in re.split(r"^plan of ", text, flags=re.M)[1:]:
        name = re.match(r"\w+", part)[0]
        steps = re.findall(r"^step +\d+  ((?s:.*?)) +(\S+) +(\d+) multiply-adds$", part, re.M)
        buffers = re.findall(r"^ +(\d+) +(\d+) +\d+ +\d+  (.*)$", part, re.M)
        plans[name] = ([(s, k, int(m)) for s, k, m in steps], [(int(o), int(b), n) for o, b, n in buffers])
    return plans


class Drawn:
    """A page's elements."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            self.text = f.read()
        self.sections = [Elements(part) for part in self.text.split('<section class="function"')[1:]]

    def steps(self, section):
        return [a for a in self.sections[section].of("a") if a.get("class", "").startswith("step ")]

    def of_class(self, section, tag, name):
        return [e for e in self.sections[section].of(tag) if name in e.get("class", "").split()]

    def frames(self, section):
        return [tuple(float(e[k]) for k in ("x", "y", "width", "height")) for e in self.of_class(section, "rect", "frame")]


def meet(a, b):
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


class Inspect(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = runs.fresh("inspect")
        with open(os.path.join(cls.folder, "net.py"), "w") as f:
            f.write(NETWORK)

    def page(self, model, *options):
        printed(self.folder, "inspect", model, "--html", "-o", "page.html", *options)
        return Drawn(os.path.join(self.folder, "page.html"))

    def probe(self, page, *options):
        copy = os.path.join(self.folder, "probe.html")
        with open(copy, "w", encoding="utf-8") as f:
            f.write(page.text + PROBE)
        done = chromium(os.path.join(self.folder, "chrome"), *options, "--dump-dom", "file://" + copy)
        self.assertEqual(console(done.stderr), [])
        return json.loads(html.unescape(re.search(r"<title>(.*?)</title>", done.stdout)[1]))

    def check_plan(self, page, model, *options):
        """The page against --plan."""
        plans = planned(printed(self.folder, "inspect", model, "--plan", *options))
        self.assertEqual(len(page.sections), len(plans))
        for section, (name, (steps, buffers)) in enumerate(plans.items()):
            boxes = page.steps(section)
            self.assertEqual(len(boxes), len(steps), name)
            self.assertEqual(sorted(int(b["id"].split("-")[2]) for b in boxes), list(range(len(steps))))
            for box in boxes:
                self.assertEqual(int(box["data-macs"]), steps[int(box["id"].split("-")[2])][2])
            self.assertEqual(len(page.of_class(section, "rect", "buffer")), len(buffers))
            frames = page.frames(section)
            for i, frame in enumerate(frames):
                self.assertFalse([other for other in frames[:i] if meet(frame, other)], name)
        return plans

    def check_probe(self, seen, section, page, source):
        self.assertEqual(seen["requests"], 0)
        self.assertEqual(len(seen["steps"]), len(page.steps(section)))
        for step in seen["steps"]:
            self.assertEqual(step["open"], 1)
            self.assertEqual(step["boxes"], ["box-%d-%d" % (section, step["number"])])
            box = next(b for b in page.steps(section) if b["id"] == step["boxes"][0])
            self.assertEqual(step["buffers"], len(set(box["data-buffers"].split())))
            self.assertGreater(step["edges"], 0)
            self.assertGreaterEqual(len(step["c"]), 3)
            for text in step["c"]:
                self.assertIn(text, source)
            call, body, kernel = step["c"][:3]
            function = re.search(r", (\w+), ", call)[1]
            self.assertIn("static void %s(" % function, body)
            self.assertIn(" %s(" % re.search(r"\n    (\w+)\(r->|\n    (\w+)\(", body)[0].strip().split("(")[0], kernel)
        self.assertEqual(seen["near"], seen["users"])
        self.assertGreater(seen["near"], 0)
        self.assertEqual(seen["focus"], "box-%d-1" % section)
        self.assertGreater(seen["larger"], 1.05)
        self.assertEqual(seen["bars"], [False, False, True])
        self.assertEqual((seen["foreign"], seen["scripts"]), (0, 2))

    def test_inference(self):
        page = self.page("net.py")
        steps, _ = self.check_plan(page, "net.py")["predict"]
        macs = sum(m for _, _, m in steps)
        self.assertEqual(int(re.search(r'<section class="function" data-macs="(\d+)"', page.text)[1]), macs)
        kernels = printed(self.folder, "inspect", "net.py", "--kernels").splitlines()[2:-1]
        self.assertEqual(sum(int(re.match(r".{32} +(\d+)", line)[1]) for line in kernels), macs)
        cost = printed(self.folder, "summary", "net.py", "--cost")
        self.assertEqual(int(re.search(r"(?:Winograd |: )(\d+)(?: multiply-adds a sample)?; memory", cost)[1]), macs)
        printed(self.folder, "compile", "net.py", "-o", "c")
        with open(os.path.join(self.folder, "c", "net.c")) as f:
            source = f.read()
        seen = self.probe(page, "--window-size=1200,900")
        self.check_probe(seen, 0, page, source)
        self.check_words(seen["steps"], steps)

    def check_words(self, seen, steps):
        text = {steps[s["number"]][0]: s["text"] for s in seen}
        self.assertIn("conv0 + norm0 + sum0 + act0", text["conv0"])
        self.assertIn("12×12×8 + 12×12×8 → 12×12×8", text["conv0"])
        self.assertRegex(text["conv0"], "direct/|winograd")
        self.assertRegex(text["twin1"], "This one also serves step \\d+")
        self.assertRegex(text["classes"], "weights\\s*[\\d,]+ bytes")

    def test_training(self):
        page = self.page("net.py", "--train", "--batch", "2")
        self.check_plan(page, "net.py", "--train", "--batch", "2")
        printed(self.folder, "compile", "net.py", "--train", "--batch", "2", "-o", "t")
        with open(os.path.join(self.folder, "t", "net.c")) as f:
            source = f.read()
        seen = self.probe(page, "--window-size=500,900", "--blink-settings=preferredColorScheme=0")
        self.check_probe(seen, 1, page, source)
        self.assertFalse(seen["wide"])
        self.assertLess(int(re.search(r"\d+", seen["dark"])[0]), 60)

    def test_hostile_names(self):
        write_chain(os.path.join(self.folder, "hostile.onnx"), HOSTILE)
        page = self.page("hostile.onnx", *CHAINS)
        self.check_plan(page, "hostile.onnx", *CHAINS)
        self.assertIn("[U+202E]turned[U+202C]", page.text)
        self.assertNotIn("\u202e", page.text)
        printed(self.folder, "compile", "hostile.onnx", "-o", "h", *CHAINS)
        with open(os.path.join(self.folder, "h", "hostile.c")) as f:
            source = f.read()
        compiled = subprocess.run(["cc", "-fsyntax-only", "-Werror", "-x", "c", "-"], input=source, text=True,
                                  capture_output=True, cwd=os.path.join(self.folder, "h"))
        self.assertEqual((compiled.returncode, compiled.stderr), (0, ""))
        seen = self.probe(page, "--window-size=1200,900")
        self.check_probe(seen, 0, page, source)
        said = " ".join(s["text"] for s in seen["steps"])
        self.assertIn("row by row", said)
        for name in HOSTILE:
            self.assertIn(name.replace("\u202e", "[U+202E]").replace("\u202c", "[U+202C]"), said)

    def test_large(self):
        for model, options in (("resnet50", ()), ("densenet121", ()), (EXAMPLE, ("--train",))):
            page = self.page(model, *options)
            self.assertLess(len(page.text.encode()), 3e6, model)
            self.check_plan(page, model, *options)
            for path in page.of_class(0, "path", "edge"):
                y = [float(n) for n in re.findall(r" (-?\d+)(?= C| V|$)", path["d"])]
                self.assertGreater(len(y), 1)
                self.assertEqual(y, sorted(y))

    def test_files(self):
        said = printed(self.folder, "inspect", "net.py", "--html")
        self.assertRegex(said, r"^net\.html: \d+ bytes\n$")
        with open(os.path.join(self.folder, "net.html"), encoding="utf-8") as f:
            self.assertEqual(f.read(), self.page("net.py").text)
        for said, words in (("-o goes with --html", ("-o", "x.html")), ("go with neither", ("predict", "--html")),
                            ("cannot write|No such file", ("--html", "-o", "absent/x.html"))):
            done = runs.run(self.folder, "inspect", "net.py", *words)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, "^lathe: error: .*(%s)" % said)
        self.assertEqual([n for n in os.listdir(self.folder) if n.startswith("x.html")], [])


if __name__ == "__main__":
    unittest.main()
