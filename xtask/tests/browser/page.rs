//! One tab, as the person in front of it uses it: goes to addresses, clicks, types, and sees what the page became.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::devtools::DevTools;

/// A tab of a browser of its own, without history or cookies.
pub(crate) struct Page {
    tools: DevTools,
    session: String,
    origin: String,
}

/// What was answered to one request of the page.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) url: String,
    pub(crate) status: u64,
    pub(crate) kind: String,
    pub(crate) from_cache: bool,
}

impl Page {
    /// A tab of 1280 × 800 points that will visit `origin`.
    pub(crate) fn open(origin: &str) -> Page {
        let mut tools = DevTools::start();
        let target = tools.call(None, "Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = tools.call(None, "Target.attachToTarget", &attach)["sessionId"].as_str().unwrap().to_owned();
        let mut page = Page { tools, session, origin: origin.to_owned() };
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        page.resize(1280, 800);
        page.prefer("light");
        page
    }

    pub(crate) fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.tools.call(Some(&self.session), method, parameters)
    }

    /// The window's size in CSS pixels; below 600 wide it is a phone, with its viewport and touch.
    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// `light` or `dark`; without motion, so that no colour is one on its way to another.
    pub(crate) fn prefer(&mut self, scheme: &str) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Goes to a path of the origin and waits until it is loaded.
    pub(crate) fn go(&mut self, path: &str) {
        let url = format!("{}{path}", self.origin);
        self.loading(|page| {
            let answer = page.call("Page.navigate", &json!({ "url": url }));
            assert!(answer["errorText"].is_null(), "{url}: {}", answer["errorText"]);
        });
    }

    /// Does something that loads another page, and waits until that is loaded.
    pub(crate) fn loading(&mut self, act: impl FnOnce(&mut Page)) {
        let since = self.tools.events.len();
        act(self);
        self.tools.wait(since, "a page's end of loading", |event| event["method"] == "Page.loadEventFired");
    }

    /// What a JavaScript expression is, awaited. Works on a page whose own scripts are off.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", &asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// The same, as text.
    pub(crate) fn text(&mut self, expression: &str) -> String {
        let value = self.eval(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression} is {value}, not text")).to_owned()
    }

    /// A computed style of the first element that a selector finds.
    pub(crate) fn style(&mut self, selector: &str, property: &str) -> String {
        self.text(&format!("getComputedStyle(document.querySelector({selector:?})).getPropertyValue({property:?})"))
    }

    /// Clicks the middle of an element, with a mouse: what lies on top of it there gets the click.
    pub(crate) fn click(&mut self, selector: &str) {
        let found = self.eval(&format!(
            "(() => {{ const it = document.querySelector({selector:?}); if (!it) return null; \
             it.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             const box = it.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        ));
        assert!(found.is_array(), "nothing to click at {selector} on {}", self.text("document.body.innerText"));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": found[0], "y": found[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Replaces what a field holds, by typing.
    pub(crate) fn fill(&mut self, selector: &str, text: &str) {
        self.click(selector);
        self.eval(&format!("document.querySelector({selector:?}).select()"));
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// Presses and releases a key that writes nothing, such as `Tab`, or `Enter`.
    pub(crate) fn press(&mut self, key: &str) {
        let (code, text) = if key == "Enter" { (13, "\r") } else { (9, "") };
        let mut event = json!({ "type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code });
        if !text.is_empty() {
            event["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", &event);
        event["type"] = "keyUp".into();
        self.call("Input.dispatchKeyEvent", &event);
    }

    /// Waits for the redirect away from `path`: its status and where it leads.
    pub(crate) fn redirect_from(&mut self, path: &str) -> (u64, String) {
        let from = format!("{}{path}", self.origin);
        let event = self.tools.wait(0, "a redirect", |event| {
            event["method"] == "Network.requestWillBeSent"
                && event["params"]["redirectResponse"]["url"] == from.as_str()
        });
        let status = event["params"]["redirectResponse"]["status"].as_u64().unwrap();
        (status, event["params"]["request"]["url"].as_str().unwrap().to_owned())
    }

    /// All requests so far, each with its first answer.
    pub(crate) fn responses(&self) -> Vec<Response> {
        let cached = self.of("Network.requestServedFromCache").map(|event| &event["requestId"]).collect::<Vec<_>>();
        self.of("Network.responseReceived")
            .map(|event| Response {
                url: event["response"]["url"].as_str().unwrap().to_owned(),
                status: event["response"]["status"].as_u64().unwrap(),
                kind: event["type"].as_str().unwrap().to_owned(),
                from_cache: event["response"]["fromDiskCache"] == true || cached.contains(&&event["requestId"]),
            })
            .collect()
    }

    /// Addresses that the page requested, whether or not anything answered.
    pub(crate) fn requested(&self) -> Vec<&str> {
        self.of("Network.requestWillBeSent").filter_map(|event| event["request"]["url"].as_str()).collect()
    }

    /// Everything that went wrong: errors and warnings of the console, exceptions, blocked or failed requests.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let console = self
            .of("Runtime.consoleAPICalled")
            .filter(|event| event["type"].as_str().is_some_and(|kind| ["error", "warning", "assert"].contains(&kind)));
        let log = self.of("Log.entryAdded").filter(|event| {
            event["entry"]["level"].as_str().is_some_and(|level| ["error", "warning"].contains(&level))
        });
        let rest = ["Runtime.exceptionThrown", "Network.loadingFailed", "Page.javascriptDialogOpening"];
        let rest = rest.into_iter().flat_map(|method| self.of(method));
        console.chain(log).chain(rest).map(ToString::to_string).collect()
    }

    /// Response headers, in lower case, of a request made by the page itself.
    pub(crate) fn headers(&mut self, path: &str) -> BTreeMap<String, String> {
        let url = format!("{}{path}", self.origin);
        let headers = self.of("Network.responseReceived").find(|event| event["response"]["url"] == url.as_str());
        let headers =
            headers.unwrap_or_else(|| panic!("the page did not ask for {url}"))["response"]["headers"].clone();
        let headers = headers.as_object().unwrap().clone();
        headers.into_iter().map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap().to_owned())).collect()
    }

    /// Writes what is to be seen into the folder that `SLIPWAY_SCREENSHOTS` names, for people; nothing without it.
    pub(crate) fn screenshot(&mut self, name: &str) {
        let Ok(folder) = std::env::var("SLIPWAY_SCREENSHOTS") else { return };
        let picture = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        let mut decoder = std::process::Command::new("base64");
        let file = std::fs::File::create(format!("{folder}/{name}.png")).unwrap();
        let mut child = decoder.arg("-d").stdin(std::process::Stdio::piped()).stdout(file).spawn().unwrap();
        let text = picture["data"].as_str().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    fn of(&self, method: &str) -> impl Iterator<Item = &Value> {
        self.tools.events.iter().filter(move |event| event["method"] == method).map(|event| &event["params"])
    }
}
