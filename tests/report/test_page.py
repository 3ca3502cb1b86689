"""The page in headless Chromium: nothing fails, every picture is there, it fits a phone."""
import html
import json
import os
import re
import unittest

from PIL import Image

import runs
from browser import Elements, chromium, console

# Appended to a copy of the page: what the page looks like from inside.
PROBE = """<script>addEventListener("load", () => {
  const images = [...document.images].map(i => [i.alt, i.naturalWidth]);
  const wide = document.documentElement.scrollWidth > innerWidth;
  document.title = JSON.stringify({images, wide, dark: matchMedia("(prefers-color-scheme: dark)").matches,
    paper: getComputedStyle(document.body).backgroundColor});
})</script>"""
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = runs.fresh("page")
        runs.train_images(cls.folder, 4, (12, 10, 3), "--validate", "0.1")
        runs.good(runs.run(cls.folder, "report", "run", "-o", "report"))
        cls.path = os.path.join(cls.folder, "report", "index.html")
        with open(cls.path, encoding="utf-8") as f:
            cls.text = f.read()

    def probe(self, *options):
        copy = os.path.join(self.folder, "report", "probe.html")
        with open(copy, "w", encoding="utf-8") as f:
            f.write(POLICY.sub("", self.text) + PROBE)
        done = chromium(os.path.join(self.folder, "chrome"), *options, "--dump-dom", "file://" + copy)
        os.remove(copy)
        self.assertEqual(console(done.stderr), [])
        title = html.unescape(re.search(r"<title>(.*?)</title>", done.stdout)[1])
        return json.loads(title)

    def test_needs_nothing_else(self):
        elements = Elements(self.text)
        for image in elements.of("img"):
            self.assertTrue(image["src"].startswith("data:image/"))
            self.assertTrue(image["alt"])
        self.assertEqual(elements.of("script"), [])
        self.assertEqual([link["href"] for link in elements.of("link")], ["data:,"])
        for link in elements.of("a"):
            target = link["href"]
            if target.startswith("#"):
                self.assertIn('id="%s"' % target[1:], self.text)
            else:
                self.assertTrue(os.path.exists(os.path.join(self.folder, "report", target)), target)

    def test_console_and_screenshot(self):
        picture = os.path.join(self.folder, "page.png")
        done = chromium(os.path.join(self.folder, "chrome"), "--window-size=1100,6000", "--screenshot=" + picture,
                        "file://" + self.path)
        self.assertEqual(console(done.stderr), [])
        with Image.open(picture) as image:
            self.assertEqual(image.size, (1100, 6000))
            self.assertGreater(len(image.convert("RGB").getcolors(1 << 24)), 1000)

    def test_console_is_read(self):
        copy = os.path.join(self.folder, "wrong.html")
        with open(copy, "w") as f:
            f.write("<script>nowhere.at.all()</script>")
        done = chromium(os.path.join(self.folder, "chrome"), "--dump-dom", "file://" + copy)
        self.assertEqual(len(console(done.stderr)), 1)

    def test_every_picture_is_shown(self):
        seen = self.probe("--window-size=1100,2000")
        self.assertEqual(len(seen["images"]), 12)
        for alt, width in seen["images"]:
            self.assertGreater(width, 300, alt)

    def test_fits_narrow_windows(self):
        self.assertFalse(self.probe("--window-size=500,900")["wide"])

    def test_dark(self):
        seen = self.probe("--blink-settings=preferredColorScheme=0")
        self.assertTrue(seen["dark"])
        self.assertLess(int(re.search(r"\d+", seen["paper"])[0]), 60)


if __name__ == "__main__":
    unittest.main()
