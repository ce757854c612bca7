//! A visitor of the public pages: anonymous, on a desktop or a phone, with a mouse or a keyboard.

use serde_json::{Value, json};

use crate::{contrast, visit, with_site};

/// What the demo page links to, in its order.
const TITLES: [&str; 3] = ["Notes on the Analytical Engine", "Letters", "The Django project"];

#[test]
fn a_profile_shows_its_person_and_links_in_order_and_nothing_goes_wrong() {
    let mut page = visit("/@ada");
    page.screenshot("profile-desktop");
    assert_eq!(page.text("document.title"), "Ada Lovelace (@ada)");
    assert_eq!(page.eval("[...document.querySelectorAll('nav a')].map(it => it.innerText)"), json!(TITLES));
    let visible = "[...document.querySelectorAll('h1, .handle, .bio, nav a')].map(it => it.checkVisibility() \
        && it.getBoundingClientRect().bottom <= innerHeight && it.getBoundingClientRect().width > 0)";
    assert_eq!(page.eval(visible), json!(vec![true; 6]), "something is hidden or below the fold of 800 points");

    let origin = page.text("location.origin");
    for url in page.requested() {
        assert!(url.starts_with(&origin), "the page asks {url}, a third party");
    }
    let responses = page.responses();
    assert!(responses.iter().any(|response| response.kind == "Stylesheet"), "{responses:#?}");
    assert!(responses.iter().all(|response| response.status == 200), "{responses:#?}");
    assert_eq!(page.complaints(), [""; 0]);
    assert_eq!(page.eval("document.cookie"), "", "an anonymous page sets a cookie");
    let headers = page.headers("/@ada");
    assert_eq!(headers.get("set-cookie"), None);
    assert!(headers["content-security-policy"].starts_with("default-src 'none'"), "{headers:#?}");
}

#[test]
fn the_document_is_well_formed_for_assistive_technology() {
    for (path, title) in [("/@ada", "Ada Lovelace"), ("/", "One page for all your links")] {
        let mut page = visit(path);
        assert_eq!(page.text("document.compatMode"), "CSS1Compat", "{path} is shown in quirks mode");
        assert_eq!(page.text("document.documentElement.lang"), "en");
        assert_eq!(page.text("document.characterSet"), "UTF-8");
        let viewport = page.text("document.querySelector('meta[name=viewport]').content");
        assert!(viewport.contains("width=device-width"), "{viewport}");
        for forbidden in ["user-scalable", "maximum-scale"] {
            assert!(!viewport.contains(forbidden), "{path} cannot be zoomed: {viewport}");
        }
        let headings = page.eval("[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(it => it.innerText)");
        assert_eq!(headings, json!([title]), "{path}");

        // As a screen reader gets it, after styles and roles.
        page.call("Accessibility.enable", &json!({}));
        let tree = page.call("Accessibility.getFullAXTree", &json!({}));
        let nodes = tree["nodes"].as_array().unwrap();
        let role = |role: &str| {
            let nodes = nodes.iter().filter(|node| node["ignored"] == false && node["role"]["value"] == role);
            nodes.map(|node| node["name"]["value"].as_str().unwrap_or_default()).collect::<Vec<_>>()
        };
        assert_eq!(role("main").len(), 1, "{path}");
        assert_eq!(role("heading"), [title], "{path}");
        assert!(role("link").iter().all(|name| !name.trim().is_empty()), "a link without a name on {path}");
        if path == "/@ada" {
            assert_eq!(role("navigation"), ["Links of Ada Lovelace"]);
            assert_eq!(role("link"), TITLES);
            assert_eq!(role("listitem").len(), TITLES.len(), "the list is no list to a screen reader");
        }
    }
}

#[test]
fn the_stylesheet_is_applied() {
    let mut page = visit("/@ada");
    let own = "[...document.styleSheets].map(it => [new URL(it.href).pathname, it.cssRules.length > 5])";
    let sheets = page.eval(own);
    assert_eq!(sheets.as_array().map(Vec::len), Some(1), "{sheets}");
    assert!(sheets[0][0].as_str().is_some_and(|path| path.starts_with("/static/links/page.")), "{sheets}");
    assert_eq!(sheets[0][1], true, "the stylesheet is empty");
    // Each of these differs from what the browser does by itself.
    assert_eq!(page.style("body", "margin-top"), "0px");
    assert_eq!(page.style("nav ul", "list-style-type"), "none");
    assert_eq!(page.style("nav a", "text-decoration-line"), "none");
    assert_eq!(page.style("nav a", "display"), "block");
    assert_ne!(page.style("body", "background-color"), "rgba(0, 0, 0, 0)");
    let width = page.eval("document.querySelector('main').getBoundingClientRect().width").as_f64().unwrap();
    assert!(width < 700.0, "lines {width} points wide are hard to read");
}

#[test]
fn every_link_is_reached_by_keyboard_in_order_with_a_visible_focus_and_opened_by_enter() {
    let mut page = visit("/@ada");
    let unfocused = page.style("nav a", "outline-style");
    assert_eq!(unfocused, "none", "the focus would not stand out");
    for title in TITLES {
        page.press("Tab");
        assert_eq!(page.text("document.activeElement.innerText"), title);
        let outline = page.text("getComputedStyle(document.activeElement).outline");
        assert!(outline.contains("solid 3px"), "{title}: {outline}");
        let colour = page.text("getComputedStyle(document.activeElement).outlineColor");
        let ground = page.style("body", "background-color");
        assert!(contrast::ratio(&colour, &ground) >= 3.0, "{title}: {colour} on {ground}");
    }
    let path = page.text("document.activeElement.getAttribute('href')");
    page.press("Enter");
    assert_eq!(page.redirect_from(&path), (302, "https://www.djangoproject.com/".to_owned()));
}

#[test]
fn a_phone_of_320_points_never_scrolls_sideways_and_has_targets_for_thumbs() {
    for path in ["/@ada".to_owned(), format!("/@{}", "w".repeat(30)), "/".to_owned(), "/@unknown".to_owned()] {
        let mut page = visit("/");
        page.resize(320, 568);
        page.go(&path);
        page.screenshot(&format!("phone{}", path.replace('/', "-")));
        let width = page.eval("document.documentElement.scrollWidth");
        assert_eq!(width, 320, "{path} is {width} points wide");
        let cut = "[...document.querySelectorAll('main *')].filter(it => { const box = it.getBoundingClientRect(); \
            return box.left < 0 || box.right > innerWidth || it.scrollWidth > it.clientWidth + 1 && it.clientWidth > 0; \
            }).map(it => it.outerHTML)";
        assert_eq!(page.eval(cut), json!([]), "{path}: parts of these are cut off");
        let heights = page.eval("[...document.querySelectorAll('nav a')].map(it => it.getBoundingClientRect().height)");
        for height in heights.as_array().unwrap() {
            assert!(height.as_f64() >= Some(44.0), "{path}: a link only {height} points high");
        }
    }
}

#[test]
fn a_click_leads_where_the_owner_pointed_it_and_tells_that_site_nothing() {
    let mut page = visit("/@ada");
    let path = page.text("document.querySelectorAll('nav a')[1].getAttribute('href')");
    page.click("nav li:nth-child(2) a");
    assert_eq!(page.redirect_from(&path), (302, "https://en.wikipedia.org/wiki/Ada_Lovelace".to_owned()));
    let answer = with_site(|site| site.pair.try_get(&path, "shop.example", "").unwrap());
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("cache-control"), Some("no-store"), "a cached redirect is a click that is not counted");
}

#[test]
fn light_and_dark_are_both_legible_and_follow_the_system() {
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        let mut page = visit("/@ada");
        page.prefer(scheme);
        page.screenshot(&format!("profile-{scheme}"));
        let ground = page.style("body", "background-color");
        let (disc, surface) = (page.style(".avatar", "background-color"), page.style("nav a", "background-color"));
        let texts = [("h1", &ground), (".handle", &ground), (".bio", &ground), (".avatar", &disc), ("nav a", &surface)];
        for (text, behind) in texts {
            let colour = page.style(text, "color");
            let ratio = contrast::ratio(&colour, behind);
            assert!(ratio >= 4.5, "{scheme}: {text} has {colour} on {behind}, {ratio:.1}:1");
        }
        let border = page.style("nav a", "border-top-color");
        let ratio = contrast::ratio(&border, &ground);
        assert!(ratio >= 3.0, "{scheme}: the border of a link is {border} on {ground}, {ratio:.1}:1");
        grounds.push(ground);
    }
    let brightness = grounds.iter().map(|ground| contrast::ratio(ground, "rgb(0, 0, 0)")).collect::<Vec<_>>();
    assert!(brightness[0] > 15.0 && brightness[1] < 2.0, "{grounds:?}");
}

#[test]
fn an_unknown_address_is_a_page_of_ours_with_a_way_out() {
    let mut page = visit("/@unknown-of-that-name");
    page.screenshot("not-found");
    let answer = page.responses().remove(0);
    assert_eq!((answer.status, answer.kind.as_str()), (404, "Document"));
    assert_eq!(page.text("document.title"), "Page not found");
    assert_eq!(page.text("document.querySelector('h1').innerText"), "Page not found");
    assert_eq!(page.style("body", "margin-top"), "0px", "the stylesheet is missing here");
    page.loading(|page| page.click("main a"));
    assert_eq!(page.text("location.pathname"), "/");
    assert_eq!(page.text("document.querySelector('h1').innerText"), "One page for all your links");
}

#[test]
fn stylesheet_and_icon_are_kept_for_good_and_not_asked_for_twice() {
    let mut page = visit("/@ada");
    let path = page.text("new URL(document.styleSheets[0].href).pathname");
    let name = path.rsplit('/').next().unwrap();
    let hash = name.split('.').nth(1).unwrap();
    assert!(hash.len() == 12 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name} has no hash");
    let headers = page.headers(&path);
    assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(headers["content-type"], "text/css; charset=utf-8");
    assert_eq!(headers.get("content-encoding").map(String::as_str), Some("gzip"));
    page.go("/");
    let sheets = page.responses().into_iter().filter(|response| response.url.ends_with(name)).collect::<Vec<_>>();
    assert_eq!(sheets.iter().map(|response| response.from_cache).collect::<Vec<_>>(), [false, true], "{sheets:#?}");

    let icon = page.text("new URL(document.querySelector('link[rel=icon]').href).pathname");
    let icon = with_site(|site| site.pair.get(&icon));
    assert_eq!((icon.status, icon.header("content-type")), (200, Some("image/svg+xml; charset=utf-8")));
    assert!(icon.body.starts_with("<svg"), "{}", icon.body);
}

#[test]
fn without_javascript_nothing_is_missing() {
    let mut page = visit("/");
    page.call("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    page.go("/@ada");
    assert_eq!(page.eval("document.scripts.length"), 0);
    assert_eq!(page.eval("[...document.querySelectorAll('nav a')].map(it => it.innerText)"), json!(TITLES));
    assert_eq!(page.style("nav a", "display"), "block");
    let path = page.text("document.querySelector('nav a').getAttribute('href')");
    page.click("nav a");
    assert_eq!(page.redirect_from(&path).0, 302);
}

#[test]
fn the_policy_of_the_pages_stops_a_script_that_got_into_one() {
    let mut page = visit("/@ada");
    let ran = page.eval(
        "new Promise(done => { document.addEventListener('securitypolicyviolation', it => done(it.effectiveDirective)); \
         const script = document.createElement('script'); script.textContent = 'window.ran = true'; \
         document.body.append(script); if (window.ran) done('ran'); })",
    );
    assert_eq!(ran, Value::from("script-src-elem"));
    assert_eq!(page.eval("window.ran === undefined"), true);
}
