"""A headless Chromium for the tests of the page: Debian's `chromium` and `chromium-driver`."""

import shutil

from tests.conftest import until

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
PHONE, DESKTOP = (412, 915), (1280, 800)


def open_browser(folder):
    """Return a browser the size of a phone, with its profile in a folder."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--window-size=412,915", f"--user-data-dir={folder}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(DRIVER))


def view(page, size: tuple[int, int] = PHONE, scheme: str = "light") -> None:
    """Give the page a size in CSS pixels, and the user's preference of colors."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def text(page, name: str) -> str:
    return page.execute_script("return document.getElementById(arguments[0]).textContent", name)


def texts(page, selector: str) -> list[str]:
    return page.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())", selector
    )


def shown(page, selector: str) -> bool:
    """Whether an element exists and is displayed."""
    return page.execute_script(
        "return !!document.querySelector(arguments[0])?.checkVisibility({visibilityProperty: true})", selector
    )


def click(page, selector: str) -> None:
    page.execute_script("document.querySelector(arguments[0]).click()", selector)


def pixels(page) -> str:
    """What the image shows now, as the browser drew it."""
    return page.execute_script(
        """const image = document.getElementById("picture");
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [64, 48];
        canvas.getContext("2d").drawImage(image, 0, 0, 64, 48);
        return image.naturalWidth ? canvas.toDataURL() : "";"""
    )


def errors(page) -> list[str]:
    return [entry["message"] for entry in page.get_log("browser") if entry["level"] == "SEVERE"]


# The page of teaching


def open_tab(page, name: str) -> None:
    click(page, f"#tabs [data-key={name}]")
    until(lambda: shown(page, f"#rest > [data-tab={name}]"), f"the tab {name}")


def asked(teach, path: str) -> list[dict]:
    return [body for each, body in teach.asked if each == path]


def press(page, kind: str, selector: str, **more) -> None:
    """Send a pointer's or a key's event to an element."""
    page.execute_script(
        """const [kind, selector, more] = arguments;
        const Kind = kind.startsWith("pointer") ? PointerEvent : KeyboardEvent;
        document.querySelector(selector).dispatchEvent(
          new Kind(kind, { bubbles: true, cancelable: true, pointerId: 1, button: 0, ...more }));""",
        kind,
        selector,
        more,
    )


def type_into(page, selector: str, words: str) -> None:
    from selenium.webdriver.common.by import By

    field = page.find_element(By.CSS_SELECTOR, selector)
    field.clear()
    field.send_keys(words)


def answer(page, value: str) -> None:
    """Choose an action of the dialog."""
    until(lambda: shown(page, f"dialog [value={value}]"), "the question")
    click(page, f"dialog [value={value}]")


def name_of(page) -> str:
    return text(page, "photos-title")


def photos(page) -> list[str]:
    return page.execute_script(
        "return [...document.querySelectorAll('#photos-grid li')].map(e => e.dataset.key)"
    )
