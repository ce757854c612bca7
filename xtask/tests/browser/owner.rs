//! The owner of a page, in the admin: logs in, edits, and sees on the public page what changed.

use std::time::{Duration, Instant};

use crate::page::Page;
use crate::{OWNER, PASSWORD, visit, with_site};

/// The micro-cache keeps a page for a second; the rest is the machine's.
const SHOWN_WITHIN: Duration = Duration::from_secs(3);

fn log_in(password: &str) -> Page {
    let mut page = visit("/admin/");
    assert!(page.text("location.href").ends_with("/admin/login/?next=/admin/"));
    page.fill("#id_username", OWNER);
    page.fill("#id_password", password);
    page.loading(|page| page.click("[type=submit]"));
    page
}

/// Opens a profile's form from the list.
fn edit(page: &mut Page, handle: &str) {
    page.go("/admin/links/profile/");
    let link = format!("/admin/links/profile/{}/change/", id(page, handle));
    page.loading(|page| page.click(&format!("#result_list a[href^='{link}']")));
    assert_eq!(page.text("document.querySelector('#id_handle').value"), handle);
}

fn id(page: &mut Page, handle: &str) -> String {
    let row = "[...document.querySelectorAll('#result_list tbody tr')].find(row => row.querySelector('th').innerText";
    page.text(&format!("{row} == {handle:?}).querySelector('th a').href.split('/').at(-3)"))
}

/// A column of the list of profiles.
fn column(page: &mut Page, handle: &str, name: &str) -> u64 {
    page.go("/admin/links/profile/");
    let row = "[...document.querySelectorAll('#result_list tbody tr')].find(row => row.querySelector('th').innerText";
    let text = page.text(&format!("{row} == {handle:?}).querySelector('.field-{name}').innerText"));
    text.parse().unwrap_or_else(|_| panic!("{name} of {handle} is {text}"))
}

/// Adds a link through the form's empty row and saves.
fn add_link(page: &mut Page, handle: &str, title: &str, url: &str) {
    edit(page, handle);
    let row = page.eval("document.querySelector('#id_links-TOTAL_FORMS').value - 1");
    let row = row.as_u64().unwrap();
    page.fill(&format!("#id_links-{row}-position"), "7");
    page.fill(&format!("#id_links-{row}-title"), title);
    page.fill(&format!("#id_links-{row}-url"), url);
    page.loading(|page| page.click("[name=_save]"));
}

/// Titles of the links on a public page.
fn shown(page: &mut Page) -> Vec<String> {
    let titles = page.eval("[...document.querySelectorAll('nav a')].map(it => it.innerText)");
    titles.as_array().unwrap().iter().map(|title| title.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_front_page_leads_to_the_admin_which_wants_the_right_password() {
    let mut page = visit("/");
    page.screenshot("landing");
    page.loading(|page| page.click("main a"));
    assert!(page.text("location.pathname").starts_with("/admin/login/"));
    page.screenshot("admin-login");
    let mut page = log_in("not the password");
    assert!(page.text("document.querySelector('.errornote').innerText").contains("correct username and password"));
    page.go("/admin/links/profile/");
    assert!(page.text("location.pathname").starts_with("/admin/login/"), "a wrong password let somebody in");
}

#[test]
fn the_admin_has_its_styles_lists_profiles_and_logs_out() {
    let mut page = log_in(PASSWORD);
    assert_eq!(page.text("location.pathname"), "/admin/");
    page.go("/admin/links/profile/");
    page.screenshot("admin-profiles");
    let handles =
        page.text("[...document.querySelectorAll('#result_list th.field-handle')].map(it => it.innerText).join()");
    assert!(handles.split(',').any(|handle| handle == "ada"), "{handles}");
    assert_eq!(column(&mut page, "ada", "link_count"), 3);
    edit(&mut page, "ada");
    page.screenshot("admin-profile");
    let titles = page.eval("[...document.querySelectorAll('[id^=id_links-][id$=-title]')].map(it => it.value).join()");
    assert_eq!(titles, "Notes on the Analytical Engine,Letters,The Django project,,", "three links and an empty row");
    assert_eq!(page.style("#header", "display"), "flex", "the admin's stylesheet is missing");
    let failed = page.responses().into_iter().filter(|response| response.status >= 400).collect::<Vec<_>>();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(page.complaints(), [""; 0]);

    page.loading(|page| page.click("#logout-form button"));
    assert!(page.text("document.body.innerText").contains("Logged out"));
    page.go("/admin/");
    assert!(page.text("location.pathname").starts_with("/admin/login/"), "the session outlived the logout");
}

#[test]
fn an_added_link_is_on_the_public_page_within_seconds_and_as_typed() {
    const TITLE: &str = "A <b>new</b> link & \"more\"";
    let mut page = log_in(PASSWORD);
    page.go("/admin/links/profile/add/");
    page.fill("#id_handle", "grace");
    page.fill("#id_display_name", "Grace Hopper");
    page.loading(|page| page.click("[name=_save]"));
    assert!(page.text("document.querySelector('.messagelist').innerText").contains("added successfully"));

    // In the cache without the link: what the owner's visitors saw a moment ago.
    let mut public = visit("/@grace");
    assert!(public.text("document.querySelector('main').innerText").contains("Nothing here yet."));
    public.screenshot("profile-empty");
    add_link(&mut page, "grace", TITLE, "shop.example/new");
    let saved = Instant::now();
    while shown(&mut public) != [TITLE] {
        assert!(saved.elapsed() < SHOWN_WITHIN, "the link did not appear: {:?}", shown(&mut public));
        std::thread::sleep(Duration::from_millis(100));
        public.go("/@grace");
    }
    assert_eq!(public.complaints(), [""; 0]);
    let path = public.text("document.querySelector('nav a').getAttribute('href')");
    public.click("nav a");
    assert_eq!(public.redirect_from(&path), (302, "https://shop.example/new".to_owned()), "no scheme means https");
}

#[test]
fn a_click_on_the_public_page_is_counted_once() {
    let mut admin = log_in(PASSWORD);
    let before = column(&mut admin, "ada", "click_count");
    for _ in 0..2 {
        let mut page = visit("/@ada");
        let path = page.text("document.querySelector('nav a').getAttribute('href')");
        page.click("nav a");
        page.redirect_from(&path);
    }
    assert_eq!(column(&mut admin, "ada", "click_count"), before + 2);
}

#[test]
fn a_link_that_would_run_in_the_visitors_browser_is_refused() {
    let mut page = log_in(PASSWORD);
    let before = column(&mut page, "ada", "link_count");
    edit(&mut page, "ada");
    // The browser's own check of the field goes first; what counts is the server's.
    page.eval("document.querySelector('#profile_form').noValidate = true");
    let row = page.eval("document.querySelector('#id_links-TOTAL_FORMS').value - 1").as_u64().unwrap();
    page.fill(&format!("#id_links-{row}-title"), "Run me");
    page.fill(&format!("#id_links-{row}-url"), "javascript:alert(document.domain)");
    page.loading(|page| page.click("[name=_save]"));
    assert!(page.text("document.querySelector('.errorlist').innerText").contains("valid URL"));
    assert_eq!(column(&mut page, "ada", "link_count"), before);
    assert!(!with_site(|site| site.pair.get("/@ada")).body.contains("Run me"));
}
