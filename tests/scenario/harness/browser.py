"""Debian's Chromium, headless, driven by Selenium: a person at the dashboard.

Things are found as a person finds them: by their label, their role's name, or their text. The page itself tells of what a person would
not see: a script that ran, and what the content security policy refused."""

import base64
import json
import os
import pathlib

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from .waiting import wait_until

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --hide-scrollbars --lang=en"
)
PHONE, DESK = (360, 740), (1200, 900)
# Before any script of the page, in each page.
WITNESS = """
window.ran = 0;
window.violations = [];
document.addEventListener("securitypolicyviolation", (e) => window.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
"""
# The innermost visible element with this name: what a screen reader would call it.
FIND = """
const [selector, wanted] = arguments;
const names = (el) => [el.getAttribute("aria-label"), el.innerText, el.textContent].map((t) => (t ?? "").trim().replace(/\\s+/g, " "));
const shown = (el) => el.checkVisibility() && !el.disabled;
const open = document.querySelector("dialog[open]");
const all = [...(open ?? document).querySelectorAll(selector)].filter(shown);
return all.find((el) => names(el).includes(wanted)) ?? null;
"""
LABELLED = """
const wanted = arguments[0];
const open = document.querySelector("dialog[open]");
const label = [...(open ?? document).querySelectorAll("label")].find((l) => l.checkVisibility() && l.innerText.trim().split("\\n")[0] === wanted);
return label ? label.control : null;
"""


class Browser:
    def __init__(self, axe=None):
        options = webdriver.ChromeOptions()
        options.binary_location = os.environ.get("SCENARIO_CHROMIUM", "/usr/bin/chromium")
        for flag in FLAGS.split():
            options.add_argument(flag)
        self.driver = webdriver.Chrome(service=Driver("/usr/bin/chromedriver"), options=options)
        self.driver.set_script_timeout(30)
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WITNESS})
        self.axe = pathlib.Path(axe).read_text(encoding="utf-8") if axe else None
        self.base = ""
        self.size(DESK)

    def close(self):
        self.driver.quit()

    # ---- the window

    def size(self, size, dark=False):
        width, height = size
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def cdp(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def start(self, base):
        """Somebody new: no cookies, nothing kept."""
        self.base = base
        self.cdp("Network.clearBrowserCookies")
        self.driver.get(base + "/favicon.svg")
        self.driver.get(base + "/")

    def go(self, address):
        """An address behind the #, as a link or a bookmark leads to it."""
        self.script("location.hash = arguments[0]", address)

    @property
    def address(self):
        return self.script("return location.hash")

    # ---- looking

    def text(self):
        return self.script('return (document.querySelector("dialog[open]") ?? document.body).innerText')

    def wait(self, what, condition, seconds=20):
        def look():
            try:
                return condition()
            except StaleElementReferenceException:
                return None  # it was drawn anew meanwhile

        try:
            return wait_until(what, look, seconds, every=0.05)
        except AssertionError as late:
            raise AssertionError(f"{late}\n--- the page at {self.address} says:\n{self.text()}") from None

    def sees(self, *texts, seconds=20):
        for text in texts:
            self.wait(f"the page shows {text!r}", lambda t=text: t in self.text(), seconds)

    def badge(self, text, seconds=30):
        """A status that the page shows; filters name the same words."""
        self.wait(f"there is a badge {text!r}", lambda: any(e.text == text for e in self.all("main .badge")), seconds)

    def control(self, label):
        return self.wait(f"there is a field {label!r}", lambda: self.script(LABELLED, label))

    def named(self, selector, name, seconds=20):
        return self.wait(f"there is {selector} {name!r}", lambda: self.script(FIND, selector, name), seconds)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def error_at(self, label):
        """What stands at a field as its error."""
        ids = self.control(label).get_attribute("aria-describedby").split()
        return self.driver.find_element(By.ID, ids[-1]).text

    # ---- acting

    def click(self, name, selector="button, a, summary, [role=tab]"):
        self.wait(f"{name!r} can be clicked", lambda: self.script("arguments[0].scrollIntoView({block: 'center'}); arguments[0].click(); return true", self.named(selector, name)))

    def fill(self, label, text):
        control = self.control(label)
        control.clear()
        control.send_keys(text)

    def choose(self, label, value):
        control = self.control(label)
        self.script("arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change', {bubbles: true}))", control, value)

    def press(self, *keys):
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self):
        """The name of what has the focus."""
        return self.script(
            "const el = document.activeElement; const label = el.labels?.[0]?.innerText.split('\\n')[0];"
            "return (label ?? el.getAttribute('aria-label') ?? el.innerText ?? '').trim().replace(/\\s+/g, ' ')"
        )

    def tab_to(self, name, limit=60):
        """Presses Tab until what has this name has the focus."""
        for _ in range(limit):
            if self.focused() == name:
                return
            self.press(Keys.TAB)
        raise AssertionError(f"{limit} times Tab did not lead to {name!r}; the focus is on {self.focused()!r}")

    def sign_in(self, key):
        self.fill("API key", key)
        self.click("Sign in")
        self.named("h1", "Webhooks")

    # ---- what must never be

    def check_clean(self):
        """No script of a stranger ran, and the policy had nothing to refuse."""
        assert self.script("return window.ran") == 0, "a script ran"
        assert self.script("return window.violations") == [], "the content security policy was violated"
        errors = [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE" and "Failed to load resource" not in e["message"]]
        assert not errors, errors

    def check_width(self):
        wide = self.script("return document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{self.address} is {wide} px wider than the window"

    def check_accessible(self, *rules):
        """axe-core finds nothing, by all its rules or these."""
        self.script(self.axe + "; window.axe = axe;")
        found = self.driver.execute_async_script("const [rules, done] = arguments; axe.run(document, rules.length ? {runOnly: rules} : {}).then((r) => done(r.violations), (e) => done([{id: String(e), nodes: []}]));", list(rules))
        said = [f"{v['id']}: {v.get('help')}: {[n['html'][:200] for n in v['nodes']]}" for v in found]
        assert not said, f"{self.address}:\n" + "\n".join(said)

    def shot(self, name):
        """A picture of the whole page, for people; only where SCENARIO_SHOTS names a folder."""
        folder = os.environ.get("SCENARIO_SHOTS")
        if not folder:
            return
        width, height = self.script("return [innerWidth, Math.min(document.documentElement.scrollHeight, 2600)]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        taken = self.cdp("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        (pathlib.Path(folder) / f"{name}.png").write_bytes(base64.b64decode(taken["data"]))


def fetch_json(browser, path):
    """What the page itself would get from the API."""
    text = browser.driver.execute_async_script("const [path, done] = arguments; fetch(path).then((r) => r.text()).then(done);", path)
    return json.loads(text)
