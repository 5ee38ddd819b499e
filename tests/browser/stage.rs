//! The stage in a real browser: the tour by one key, typing in both modes, and what can go wrong in a lecture.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::json;

use super::cdp::Browser;
use super::hall::{Hall, Stage, shot};
use super::look::{assert_legible, assert_no_sideways_scroll};

#[tokio::test(flavor = "multi_thread")]
async fn one_key_plays_the_tour_from_the_first_step_to_the_last() {
    let Some(browser) = Browser::open().await else { return };
    let stage = Stage::start(&[]);
    let hall = Hall::open(&browser, &stage).await;
    let page = &hall.0;
    let steps = page.evaluate("import('/tour.js').then(({ TOUR }) => TOUR.length)").await.as_u64().unwrap();
    assert!((12..=16).contains(&steps));
    for step in 1..=steps {
        page.until(&format!("document.querySelector('#guide select')?.value === '{step}'")).await;
        page.until("document.querySelector('.predict')").await;
        shot(page, &format!("{step:02}-a")).await;
        if page.text_at("#guide h2").await == "Sizes that say little" {
            // The first sealed text carried the key agreement, and is drawn as large as the relay saw it.
            page.until("document.querySelector('#alice .view').innerText.includes('38 → 512 → 1916 B')").await;
        }
        page.press("ArrowRight").await;
        page.until("document.querySelector('.seen')").await;
        shot(page, &format!("{step:02}-b")).await;
        let title = page.text_at("#guide h2").await;
        match title.as_str() {
            "One sentence, four places" => {
                hall.everywhere("Did you see the last episode?").await;
                page.until_text("#relay .state", "reads it").await;
            }
            "Seal it" => {
                for pane in ["relay", "partner"] {
                    page.until_text(&format!("#{pane} .state"), "cannot read").await;
                    page.until(&format!("document.querySelectorAll('#{pane} .noise').length === 2")).await;
                }
            }
            "What the relay still learns" => page.until_text("#relay table", "alice → bob").await,
            "Sizes that say little" => {
                let sizes = "[...document.querySelectorAll('#alice figure p')].map((p) => p.innerText).join()";
                page.until(&format!("{sizes}.includes('3 → 512 → 642 B,130 → 512 → 642 B')")).await;
            }
            "Keys that turn, and go" => {
                for pane in ["alice", "bob"] {
                    let now = format!("document.querySelectorAll('#{pane} .wiped .now').length");
                    assert_eq!(page.evaluate(&now).await, 3, "one sealed, one opened, one ratchet key: {pane}");
                }
            }
            "Bob's keys are copied" => {
                page.until("/■ 0 of [1-9]/.test(document.querySelector('#thief').textContent)").await;
                page.until_text("#thief", "opens: “The spare key is under the mat.”").await;
                page.until_text("#thief", "stays shut").await;
            }
            "A recommendation, both ways" => {
                page.until_text("#business", "✓ The same, byte for byte").await;
                page.until_text("#business", "Today 2 sent and 2 opened").await;
            }
            "Which ad, and why" => {
                page.until_text("#business .was-open .words", "flights").await;
                page.until_text("#business .was-sealed .words", "not one word can be read").await;
            }
            "The safety number" => {
                page.until_text("#bob", "✓ compared").await;
                let (alice, bob) = (hall.digits("alice").await, hall.digits("bob").await);
                assert!(alice == bob && alice.len() == 60, "{alice} {bob}");
            }
            "A swapped key nobody checks" => {
                // The relay has read it on both sides, and only the numbers tell.
                for side in ["control", "real"] {
                    page.until_text(&format!("#drawer .{side}.attacker .loot"), "meet me at the harbour").await;
                }
                page.until_text("#drawer .real.attacker", "0 alarms").await;
                for end in ["alice", "bob"] {
                    page.until_text(&format!("#drawer .real.{end} .cry"), "the numbers differ").await;
                }
            }
            "A swapped key after the check" => {
                page.until("document.querySelector('#drawer').hidden").await;
                page.until_text("#alice .state", "alarm").await;
                page.until_text("#alice", "1 held, nothing sent").await;
                assert_ne!(hall.digits("alice").await, hall.digits("bob").await);
                page.until("!document.querySelector('#alice').textContent.includes('✓ compared')").await;
                assert!(!hall.shows("bob", "Is that you?").await);
            }
            _ => {}
        }
        if step > 1 {
            page.press("ArrowLeft").await;
            page.until("document.querySelector('.predict')").await;
            page.press("ArrowLeft").await;
            page.until(&format!("document.querySelector('#guide select').value === '{}'", step - 1)).await;
            page.press("ArrowRight").await;
            page.until(&format!("document.querySelector('#guide select').value === '{step}'")).await;
            hall.act(json!({ "do": "step", "to": step, "done": true })).await;
            page.until("document.querySelector('.seen')").await;
        }
        page.press("ArrowRight").await;
    }
    page.until("document.querySelector('#guide.free')").await;
    hall.assert_calm();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_alice_types_is_in_the_middle_only_when_open() {
    let Some(browser) = Browser::open().await else { return };
    let stage = Stage::start(&[]);
    let hall = Hall::free(&browser, &stage).await;
    let page = &hall.0;

    // The control: an open text is found in every pane.
    hall.type_as("alice", "meet me at the old mill").await;
    hall.everywhere("meet me at the old mill").await;
    page.click("#modes [data-mode=sealed]").await;
    page.until("document.querySelector('#modes [data-mode=sealed]').getAttribute('aria-pressed') === 'true'").await;
    hall.type_as("alice", "and bring the lantern").await;
    page.until_text("#bob", "and bring the lantern").await;
    for pane in ["relay", "partner"] {
        page.until(&format!("document.querySelectorAll('#{pane} .noise').length === 2")).await;
        assert!(!hall.shows(pane, "and bring the lantern").await, "{pane}");
    }
    hall.type_as("bob", "I will").await;
    page.until_text("#alice", "I will").await;
    page.until("document.querySelectorAll('#partner .noise').length === 4").await;
    assert!(!hall.shows("partner", "I will").await && !hall.shows("relay", "I will").await);
    shot(page, "free").await;

    // A device that is off gets its mail when it is on again; its mode cannot be changed meanwhile.
    hall.act(json!({ "do": "power", "as": "bob", "on": false })).await;
    hall.type_as("alice", "are you there?").await;
    page.until_text("#alice .log", "… at the relay").await;
    assert!(
        hall.act(json!({ "do": "mode", "mode": "open" })).await["error"].as_str().unwrap().contains("switch it on")
    );
    hall.act(json!({ "do": "power", "as": "bob", "on": true })).await;
    page.until_text("#bob", "are you there?").await;

    // A fresh start: nothing of it is left, and the keys are others.
    page.click("#views [data-view=number]").await;
    let before = hall.digits("alice").await;
    page.click("#reset").await;
    page.until_text("#notices", "A fresh start").await;
    page.until(&format!(
        "![...document.querySelectorAll('.digits')].some((list) => list.innerText.replace(/\\s/g, '') === '{before}')"
    ))
    .await;
    page.click("#views [data-view=messages]").await;
    page.until("!document.body.textContent.includes('meet me')").await;
    hall.assert_calm();
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_endless_and_empty_texts_do_no_harm() {
    let Some(browser) = Browser::open().await else { return };
    let stage = Stage::start(&[]);
    let hall = Hall::free(&browser, &stage).await;
    let page = &hall.0;
    let elements =
        "['img', 'script:not([src])', 'iframe', 'style', 'svg', 'a[href^=j]', 'form form', '[onerror]', '[onload]']
        .flatMap((evil) => [...document.querySelectorAll('.pane ' + evil)]).length";
    for (evil, shown) in [
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("\"><svg onload=alert(1)>", "\"><svg onload=alert(1)>"),
        ("<iframe srcdoc='<script>parent.alert(1)</script>'>", "<iframe srcdoc="),
        ("</li></ol><h1>gone</h1>", "</li></ol><h1>gone</h1>"),
        ("<a href=javascript:alert(1)>click</a>", "<a href=javascript:alert(1)>click</a>"),
        ("data: {\"n\":1}\n\nevent: state\ndata: {}", "data: {\"n\":1}⏎⏎event: state⏎data: {}"),
        ("\u{1b}[2J\u{1b}]0;title\u{7}", "\\u{1b}[2J\\u{1b}]0;title\\u{7}"),
        ("abc\u{202e}txt.exe", "abc\\u{202e}txt.exe"),
        ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
        ("▲ Alice's key has changed", "▲ Alice's key has changed"),
        ("__proto__", "__proto__"),
    ] {
        let done = hall.act(json!({ "do": "send", "as": "alice", "text": evil })).await;
        assert_eq!(done["ok"], true, "{done}");
        hall.everywhere(shown).await;
    }
    assert_eq!(page.evaluate(elements).await, 0);

    // The largest text is taken whole and shown cut; one byte more is refused, and stays where it was typed.
    let flood = "😀".repeat(16_384);
    hall.type_as("alice", &flood).await;
    hall.everywhere("… 65536 bytes in all").await;
    let marks = format!("a{}", "\u{301}".repeat(30_000));
    hall.act(json!({ "do": "send", "as": "alice", "text": marks })).await;
    page.until_text("#bob", "… 60001 bytes in all").await;
    hall.type_as("alice", &"x".repeat(65_537)).await;
    page.until_text("#notices", "a message holds at most 64 KiB of text").await;
    assert_eq!(page.evaluate("document.querySelector('#alice-text').value.length").await, 65_537, "it is not lost");
    page.evaluate("document.querySelector('#alice-text').value = ' '").await;
    page.click("#alice-text").await;
    page.press("Enter").await;
    page.until_text("#notices", "there is nothing to send yet").await;
    let huge = "y".repeat(600_000);
    assert_eq!(hall.act(json!({ "do": "send", "as": "bob", "text": huge })).await["status"], 413);
    for nonsense in [json!({}), json!({ "do": "sing" }), json!({ "do": "send", "as": "eve", "text": "" }), json!([1])] {
        assert_eq!(hall.act(nonsense.clone()).await["status"], 400, "{nonsense}");
    }
    hall.assert_calm();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_killed_comes_back_and_nothing_is_lost() {
    let Some(browser) = Browser::open().await else { return };
    let stage = Stage::start(&[]);
    let hall = Hall::free(&browser, &stage).await;
    let page = &hall.0;
    hall.act(json!({ "do": "mode", "mode": "sealed" })).await;
    hall.type_as("alice", "before").await;
    page.until_text("#bob", "before").await;
    page.until("document.querySelectorAll('#relay .noise').length === 2").await;
    let killed = stage.relay();
    assert!(Command::new("kill").args(["-9", &killed]).status().unwrap().success());
    page.until_text("#relay .state", "gone").await;
    page.until_text("#notices", "The relay's process has ended").await;
    hall.type_as("alice", "meanwhile").await;
    page.until_text("#alice .log", "meanwhile").await;
    page.until_text("#notices", "The relay is back").await;
    page.until_text("#bob", "meanwhile").await;
    assert_ne!(stage.relay(), killed);
    page.until("document.querySelectorAll('#relay .noise').length >= 4").await;

    // The page opened twice: both say so and show the same, until one is closed.
    let second = Hall(page.beside().await);
    second.0.navigate(&format!("http://127.0.0.1:{}/", stage.port())).await;
    for one in [&hall, &second] {
        one.0.until_text("#notices", "open 2 times").await;
        one.0.until_text("#bob", "meanwhile").await;
    }
    second.type_as("bob", "from the other page").await;
    page.until_text("#alice", "from the other page").await;
    second.0.navigate("about:blank").await;
    page.until("!document.querySelector('#notices').textContent.includes('open 2 times')").await;
    hall.assert_calm();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_an_earlier_run_say_what_to_open_instead() {
    let Some(browser) = Browser::open().await else { return };
    let first = Stage::start(&[]);
    let port = first.port().to_owned();
    let mut taken = Command::new(env!("CARGO_BIN_EXE_blindrelay"));
    let taken = taken.args(["stage", "--port", &port]).output().unwrap();
    let said = String::from_utf8(taken.stderr).unwrap();
    assert!(!taken.status.success() && said.contains("is taken") && said.contains("--port N"), "{said}");

    // Opened by way of a file, as `--open-browser` does it.
    let page = browser.page().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("stage.html");
    std::fs::write(&file, format!("<meta http-equiv=\"refresh\" content=\"0;url={}\">", first.url)).unwrap();
    page.call("Page.navigate", json!({ "url": format!("file://{}", file.display()) })).await;
    while page.evaluate_on_the_way("Boolean(document.querySelector('#guide select'))").await != true {
        tokio::task::yield_now().await;
    }
    drop(first);
    page.until_text("#notices", "The stage does not answer").await;
    let second = Stage::start(&["--port", &port]);
    page.until_text("#notices", "Open the address that the program printed last").await;
    page.navigate(&second.url).await;
    page.until_text("#guide", "One sentence, four places").await;
}

#[test]
fn without_a_browser_the_address_is_enough() {
    let mut stage = Command::new(env!("CARGO_BIN_EXE_blindrelay"));
    let stage = stage.args(["stage", "--open-browser"]).env("PATH", "/nowhere");
    let mut child = stage.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("open the address above yourself"), "{said}");
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(child.wait().unwrap().success(), "Ctrl-C is the way to end it");
    let mut printed = String::new();
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    assert!(printed.starts_with("blindrelay stage: open http://127.0.0.1:"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_is_legible_from_the_last_row_and_fits_a_phone() {
    let Some(browser) = Browser::open().await else { return };
    let stage = Stage::start(&[]);
    let hall = Hall::open(&browser, &stage).await;
    let page = &hall.0;
    page.press("ArrowRight").await;
    page.until("document.querySelector('.seen')").await;
    for act in [
        json!({ "do": "mode", "mode": "sealed" }),
        json!({ "do": "send", "as": "alice", "text": "Did you see the last episode? I cried." }),
        json!({ "do": "send", "as": "bob", "text": "Not yet! No spoilers, please." }),
        json!({ "do": "steal" }),
        json!({ "do": "send", "as": "alice", "text": "Fine." }),
        json!({ "do": "swap" }),
        json!({ "do": "send", "as": "alice", "text": "Is that you?" }),
    ] {
        let done = hall.act(act.clone()).await;
        assert_eq!(done["ok"], true, "{act}: {done}");
    }
    page.until_text("#alice .state", "alarm").await;
    for view in ["messages", "sizes", "keys", "number"] {
        page.viewport(1024, 768, false).await;
        page.click(&format!("#views [data-view={view}]")).await;
        page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished))").await;
        assert_legible(page, ".panes", 24).await;
        assert_legible(page, "body", 16).await;
        assert_no_sideways_scroll(page).await;
        let cut = "[...document.querySelectorAll('.pane > header, .bar, .guide .top, .view > :not(.log)')].filter((one) => one.scrollWidth > one.clientWidth + 1).length";
        assert_eq!(page.evaluate(cut).await, 0, "{view}: something is wider than its place");
        assert_eq!(page.evaluate("document.documentElement.scrollHeight").await, 768, "{view}: all is in sight");
        page.viewport(390, 844, true).await;
        assert_no_sideways_scroll(page).await;
        page.viewport(320, 640, true).await;
        assert_no_sideways_scroll(page).await;
    }
    // Everything is in reach of the keyboard: the focus goes from the first button to the composers and the tour.
    page.viewport(1024, 768, false).await;
    page.evaluate("document.activeElement.blur()").await;
    let mut reached = Vec::new();
    for _ in 0..24 {
        page.press("Tab").await;
        reached.push(page.text("document.activeElement.id || document.activeElement.className || document.activeElement.dataset.mode || ''").await);
    }
    for wanted in ["open", "reset", "alice-text", "bob-text", "go"] {
        assert!(reached.iter().any(|at| at == wanted), "{wanted}: {reached:?}");
    }
    hall.assert_calm();
}

/// Only for looking: the sizes and colours that the other tests do not pass through.
#[tokio::test(flavor = "multi_thread")]
async fn shots_of_other_sizes() {
    if std::env::var_os("SHOTS").is_none() {
        return;
    }
    let Some(browser) = Browser::open().await else { return };
    let stage = Stage::start(&[]);
    let hall = Hall::open(&browser, &stage).await;
    for (name, width, height, mobile) in
        [("wide", 1440, 900, false), ("hall", 1920, 1080, false), ("phone", 390, 844, true)]
    {
        hall.0.viewport(width, height, mobile).await;
        for dark in [false, true] {
            hall.0.media(dark, false).await;
            for step in [1, 4, 9, 11, 12, 13, 14, 15, 0] {
                hall.act(json!({ "do": "step", "to": step, "done": false })).await;
                if step > 0 {
                    hall.0.until(&format!("document.querySelector('#guide select')?.value === '{step}' && document.querySelector('.predict')")).await;
                    hall.0.press("ArrowRight").await;
                    hall.0.until("document.querySelector('.seen')").await;
                }
                shot(&hall.0, &format!("{name}-{step}{}", if dark { "-dark" } else { "" })).await;
            }
        }
    }
}
