//! The stage's attack drawer, and the safety number as a code: all twelve attacks are played, and what came of them is read off the
//! page, the attacker's loot against the control and its absence against the real client.

use std::path::Path;

use qrcode::{Color, EcLevel, QrCode};
use serde_json::{Value, json};

use super::cdp::{Browser, Page};
use super::hall::{Hall, Stage, shot};
use super::look::{assert_legible, assert_no_sideways_scroll};

/// Name; what the attacker gets from the control (none: a patch is the control); what it still gets from the real client, as the
/// limit says; and whose real screen cries out.
type Expected = (&'static str, Option<&'static str>, Option<&'static str>, &'static [&'static str]);

const DOZEN: [Expected; 12] = [
    ("eavesdrop", Some("alice to bob: meet me"), None, &[]),
    ("swap-keys-first", Some("alice to bob: meet me"), Some("alice to bob: meet me"), &["alice", "bob"]),
    ("swap-keys-later", Some("alice to bob: meet me"), None, &["alice", "bob"]),
    ("ghost-identity", Some("alice to bob: meet me"), None, &["alice"]),
    ("downgrade-to-open", None, None, &["alice"]),
    ("tamper", Some("bob reads: pay him 900"), None, &[]),
    ("replay", Some("bob reads: alice: pay him 100 (×3)"), None, &[]),
    ("reflect", Some("alice reads: bob: I love you"), None, &["alice"]),
    ("drop", Some("bob reads: alice: after"), None, &["bob"]),
    ("forge-sender", Some("bob reads, from carol: I have broken"), None, &["bob"]),
    ("steal-vault-then-read-yesterday", Some("the will is in the safe"), Some("before /forget"), &[]),
    ("length", Some("a text of 3 letters"), Some("the letter is longer"), &[]),
];

/// The text of every element of that selector in the drawer.
async fn texts(page: &Page, selector: &str) -> Vec<String> {
    let all = format!("[...document.querySelectorAll('#drawer {selector}')].map((node) => node.textContent)");
    let all = page.evaluate(&all).await;
    all.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

async fn list(page: &Page) {
    page.until("document.querySelectorAll('#drawer .cards button:enabled').length === 12").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_the_twelve_shows_loot_for_the_control_and_none_for_the_real_client() {
    let Some(browser) = Browser::open().await else { return };
    let stage = Stage::start(&[]);
    let hall = Hall::free(&browser, &stage).await;
    let page = &hall.0;
    // By the keyboard: the button opens the drawer, a card plays, Esc goes back, and once more closes.
    page.evaluate("document.querySelector('#attacks').focus()").await;
    page.press("Enter").await;
    list(page).await;
    shot(page, "drawer-list").await;
    assert_eq!(page.evaluate("document.querySelector('.panes').hidden").await, true);
    for (name, lost, kept, cries) in DOZEN {
        page.evaluate(&format!("document.querySelector('[data-name={name}]').focus()")).await;
        page.press("Enter").await;
        page.until("document.querySelector('#drawer .sides')").await;
        page.until("document.activeElement.matches('#drawer h2')").await;
        page.until_text("#drawer .why code", &format!("lab attack {name}")).await;
        shot(page, &format!("drawer-{name}")).await;

        let (control, real) = (texts(page, ".control .loot").await, texts(page, ".real .loot").await);
        let verdicts = texts(page, ".sides .badge").await;
        if let Some(lost) = lost {
            assert!(
                control.iter().any(|loot| loot.starts_with("▲ got: ") && loot.contains(lost)),
                "{name}: {control:?}"
            );
            assert_eq!(verdicts[0], "▲ taken", "{name}");
        } else {
            let patch = texts(page, ".patch code").await.remove(0);
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&patch).exists(), "{name}: {patch}");
            assert!(control.is_empty() && verdicts.len() == 1, "{name}: {control:?} {verdicts:?}");
        }
        let verdict = verdicts.last().unwrap();
        if let Some(kept) = kept {
            assert!(real[0].contains(kept) && verdict == "■ holds, within a limit", "{name}: {real:?} {verdict}");
            assert_eq!(texts(page, ".real .limit").await.len(), 1, "{name}");
        } else {
            assert_eq!((real.len(), verdict.as_str()), (0, "■ holds"), "{name}: {real:?}");
            assert_eq!(texts(page, ".real .nothing").await, ["■ got nothing"], "{name}");
        }
        for end in ["alice", "bob"] {
            let cry = !texts(page, &format!(".real.{end} .cry")).await.is_empty();
            assert_eq!(cry, cries.contains(&end), "{name}: {end} {:?}", texts(page, &format!(".real.{end} li")).await);
        }
        page.press("Escape").await;
        list(page).await;
        assert_eq!(page.text("document.activeElement.dataset.name").await, name, "the focus is where it was");
    }
    page.press("Escape").await;
    page.until("!document.querySelector('.panes').hidden && document.activeElement.id === 'attacks'").await;

    let unknown = hall.act(json!({ "do": "attack", "name": "magic" })).await;
    assert!(unknown["error"].as_str().unwrap().contains("there are: eavesdrop, swap-keys-first"), "{unknown}");
    hall.assert_calm();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drawer_is_legible_fits_a_phone_and_takes_nothing_for_markup() {
    let Some(browser) = Browser::open().await else { return };
    let stage = Stage::start(&[]);
    let hall = Hall::free(&browser, &stage).await;
    let page = &hall.0;
    page.click("#attacks").await;
    list(page).await;
    for name in ["", "downgrade-to-open", "swap-keys-later", "reflect"] {
        if !name.is_empty() {
            assert_eq!(hall.act(json!({ "do": "attack", "name": name })).await["ok"], true);
            page.until_text("#drawer .why code", &format!("lab attack {name}")).await;
        }
        page.viewport(1024, 768, false).await;
        assert_legible(page, "#drawer", 24).await;
        assert_legible(page, "body", 16).await;
        assert_no_sideways_scroll(page).await;
        let cut = "[...document.querySelectorAll('.bar, #drawer, #drawer *')].filter((one) => one.scrollWidth > one.clientWidth + 1
            && getComputedStyle(one).display !== 'inline').map((one) => one.outerHTML.slice(0, 80))";
        assert_eq!(page.evaluate(cut).await, json!([]), "{name}: something is wider than its place");
        assert_eq!(page.evaluate("document.documentElement.scrollHeight").await, 768, "{name}: the guide is in sight");
        for (width, height) in [(390, 844), (320, 640)] {
            page.viewport(width, height, true).await;
            assert_no_sideways_scroll(page).await;
        }
    }
    let evil = "<img src=x onerror=alert(1)>";
    let side = json!({ "taken": true, "got": [evil], "alice": [evil], "middle": [evil], "bob": [evil] });
    let lesson = json!({ "n": 99, "name": evil, "title": evil, "story": evil, "control": evil, "against_control": side,
        "against_real": side, "holds": true, "property": evil, "source": evil, "file": evil, "function": evil, "limit": evil });
    page.evaluate(&format!("import('/drawer.js').then(({{ drawer }}) => drawer(() => 0).played({lesson}))")).await;
    assert_eq!(texts(page, "bdi").await, vec![evil; 8]);
    assert_eq!(page.evaluate("document.querySelectorAll('#drawer img').length").await, 0);
    hall.assert_calm();
}

/// The modules that a pane's code shows, by where the browser would paint; the quiet zone included.
async fn painted(page: &Page, who: &str) -> Value {
    page.evaluate(&format!(
        "(() => {{ const code = document.querySelector('#{who} svg.code'), size = code.viewBox.baseVal.width;
            const dark = (x, y) => code.querySelector('path').isPointInFill(new DOMPoint(x + 0.5, y + 0.5)) ? '1' : '0';
            return Array.from({{ length: size }}, (_, y) => Array.from({{ length: size }}, (_, x) => dark(x, y)).join('')); }})()"
    ))
    .await
}

/// What a code of this text looks like, four light modules around it.
fn expected(text: &str) -> Value {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).unwrap();
    let (wide, colours) = (code.width(), code.to_colors());
    let dark = |x: usize, y: usize| {
        let inside = (4..wide + 4).contains(&x) && (4..wide + 4).contains(&y);
        if inside && colours[(y - 4) * wide + x - 4] == Color::Dark { '1' } else { '0' }
    };
    (0..wide + 8).map(|y| (0..wide + 8).map(|x| dark(x, y)).collect::<String>()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_beside_the_number_is_the_text_of_the_card_at_both_ends() {
    let Some(browser) = Browser::open().await else { return };
    let stage = Stage::start(&[]);
    let hall = Hall::free(&browser, &stage).await;
    let page = &hall.0;
    hall.act(json!({ "do": "mode", "mode": "sealed" })).await;
    page.click("#views [data-view=number]").await;
    page.until(
        "document.querySelectorAll('.digits').length === 2 && document.querySelectorAll('svg.code').length === 2",
    )
    .await;
    let card = |digits: &str| format!("blindrelay:alice:bob:{digits}");
    let digits = hall.digits("alice").await;
    for who in ["alice", "bob"] {
        assert_eq!(painted(page, who).await, expected(&card(&digits)), "{who}");
    }
    // The same comparison sees one digit that is another.
    let other = if digits.starts_with('0') { "1" } else { "0" };
    assert_ne!(painted(page, "alice").await, expected(&card(&format!("{other}{}", &digits[1..]))));
    hall.act(json!({ "do": "compare" })).await;
    for who in ["alice", "bob"] {
        page.until_text(&format!("#{who} .badge"), "✓ compared").await;
    }
    shot(page, "code").await;
    page.media(true, false).await;
    shot(page, "code-dark").await;
    page.media(false, false).await;
    page.viewport(390, 844, true).await;
    assert_no_sideways_scroll(page).await;
    shot(page, "code-phone").await;

    // A key that was swapped: another number, another code, and no mark.
    hall.act(json!({ "do": "swap" })).await;
    page.until_text("#alice .state", "alarm").await;
    page.until(&format!(
        "!document.querySelector('#alice .digits').innerText.replace(/\\s/g, '').includes('{digits}')"
    ))
    .await;
    let changed = hall.digits("alice").await;
    assert_eq!(painted(page, "alice").await, expected(&card(&changed)));
    assert_eq!(painted(page, "bob").await, expected(&card(&digits)));
    assert!(!hall.shows("alice", "✓ compared").await);
    hall.assert_calm();
}

/// Only for looking: the drawer in other sizes and colours.
#[tokio::test(flavor = "multi_thread")]
async fn shots_of_the_drawer() {
    if std::env::var_os("SHOTS").is_none() {
        return;
    }
    let Some(browser) = Browser::open().await else { return };
    let stage = Stage::start(&[]);
    let hall = Hall::free(&browser, &stage).await;
    let page = &hall.0;
    page.click("#attacks").await;
    for (name, width, height, mobile) in
        [("wide", 1280, 800, false), ("hall", 1920, 1080, false), ("phone", 390, 844, true)]
    {
        page.viewport(width, height, mobile).await;
        for dark in [false, true] {
            page.media(dark, false).await;
            for attack in ["", "swap-keys-first", "swap-keys-later", "downgrade-to-open", "replay"] {
                if attack.is_empty() {
                    page.evaluate("document.querySelector('#drawer:has(.sides) header button')?.click()").await;
                    list(page).await;
                } else {
                    hall.act(json!({ "do": "attack", "name": attack })).await;
                    page.until_text("#drawer .why code", &format!("lab attack {attack}")).await;
                }
                let shade = if dark { "-dark" } else { "" };
                page.evaluate("scrollTo(0, 0)").await;
                shot(page, &format!("drawer-{name}-{attack}{shade}")).await;
            }
        }
    }
}
