//! The relay's eye: what it shows, to whom, and what happens when the relay goes away.

use blindrelay::client::Client;
use blindrelay::client::messenger::Event;
use blindrelay::client::vault::Vault;
use blindrelay::clock::Clock;
use blindrelay::wire::{Bytes, Content, Payload, UserId};

use super::cdp::{Browser, Page};
use super::look;
use super::relay::{Person, Relay, open, sealed, watch};

#[tokio::test]
async fn what_is_open_can_be_read_everywhere_on_the_page_and_what_is_sealed_nowhere() {
    let Some(browser) = Browser::open().await else { return };
    let (home, relay) = Relay::fresh();
    let page = watch(&browser, &relay).await;
    page.until_text("#unknown", "Nothing has passed yet").await;

    // Real clients: the same sentence goes to bob sealed and to carol open.
    let sentence = "The parcel is under the old oak.";
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| name.parse::<UserId>().unwrap());
    let mut clients = Vec::new();
    for (me, peer, open) in [(&bob, &alice, false), (&carol, &alice, true), (&alice, &bob, false)] {
        let vault = Vault::open(&home.path().join(format!("{me}.vault")), me, None, &mut rand::rng()).unwrap();
        let mut client = Client::open(vault, &relay.ws.parse().unwrap(), Clock::system()).unwrap();
        client.converse(peer, open).unwrap();
        while client.next().await.unwrap() != Some(Event::Online) {}
        clients.push(client);
    }
    clients[2].send(&bob, sentence).unwrap();
    let (ask, asked) = tokio::sync::oneshot::channel();
    let ends = tokio::spawn(async move {
        let [mut bob_end, mut carol_end, mut alice_end] = clients.try_into().unwrap();
        tokio::pin!(asked);
        let mut sealed_only = true;
        loop {
            tokio::select! {
                open = &mut asked, if sealed_only => {
                    sealed_only = false;
                    alice_end.converse(&open.unwrap(), true).unwrap();
                    alice_end.send(&carol, sentence).unwrap();
                }
                event = bob_end.next() => drop(event.unwrap()),
                event = carol_end.next() => drop(event.unwrap()),
                event = alice_end.next() => drop(event.unwrap()),
            }
        }
    });

    // One sealed text and its sealed receipt: two rows, and not a word.
    page.until("document.querySelectorAll('#rows li.sealed').length >= 2").await;
    page.until_text("#mail", "sealed").await;
    let legible = "document.documentElement.outerHTML.includes('old oak')";
    assert_eq!(page.evaluate(legible).await, false);
    page.until_text("#unknown", "What 2 sealed messages say").await;
    assert!(!page.text_at("#known").await.contains("open message"));
    page.click("#rows li:last-child button").await;
    page.until("document.querySelector('#inspector').open").await;
    let opaque = page.text_at("#parts .part.sealed").await;
    assert!(opaque.contains("opaque") && opaque.contains("no key"), "{opaque}");
    assert_eq!(page.evaluate(legible).await, false);
    page.press("Escape").await;

    // The control: sent open, it is in the feed, in what I know, in the partner's inbox, and in the inspector.
    ask.send("carol".parse().unwrap()).unwrap();
    for place in ["#rows .open", "#known", "#mail"] {
        page.until_text(place, sentence).await;
    }
    page.until("document.querySelector('#people text.open')").await;
    let graph = page.text("document.querySelector('#people').getAttribute('aria-label')").await;
    assert!(graph.contains("alice and bob: 0 open, 2 sealed") && graph.contains("alice and carol"), "{graph}");
    page.click("#rows li:nth-last-child(3) button").await;
    page.until_text("#parts .part.open", "old oak").await;
    assert_eq!(page.troubles(), Vec::<String>::new());
    ends.abort();
}

#[tokio::test]
async fn the_inspector_labels_every_byte_that_the_relay_delivers() {
    let Some(browser) = Browser::open().await else { return };
    let (_home, relay) = Relay::fresh();
    let mut alice = Person::join(&relay, "alice").await;
    let mut bob = Person::join(&relay, "bob").await;
    let page = watch(&browser, &relay).await;
    let receipt = Payload::Open(Content::Receipt { sent_at: 5, of: 3, of_sent_at: 4 });
    let text =
        Payload::Open(Content::Text { sent_at: 5, counter: 9, text: "caf\u{e9} \"\\ 👋".to_owned(), via: None });
    for payload in [text, receipt, Payload::Sealed(Bytes(vec![0x5e; 642]))] {
        alice.send("bob", payload).await;
        let envelope = bob.delivery().await;
        let row = format!("#rows li[data-n='{}']", envelope.seq);
        page.until(&format!("document.querySelector(\"{row}\")")).await;
        page.click(&format!("{row} button")).await;
        page.until_text("#inspector-title", &format!("Message {},", envelope.seq)).await;
        let parts = "[...document.querySelectorAll('#parts code')].map((part) => part.textContent).join('')";
        assert_eq!(page.text(parts).await, serde_json::to_string(&envelope).unwrap());
        let labels =
            page.evaluate("[...document.querySelectorAll('#parts h3')].map((label) => label.textContent)").await;
        assert!(labels.as_array().unwrap().len() >= 8 && !labels.to_string().contains("\"\""), "{labels}");
        page.click("#close").await;
        page.until("!document.querySelector('#inspector').open").await;
    }
    // The largest message there can be: its beginning, and a word about the rest.
    alice.open("bob", &"long ".repeat(13_107)).await;
    page.until_text("#rows", "64 KiB").await;
    page.click("#rows li button").await;
    page.until_text("#parts .part.open", "Only its beginning is shown").await;
    assert_eq!(page.troubles(), Vec::<String>::new());
}

#[tokio::test]
async fn a_page_that_comes_late_sees_the_same_numbers() {
    let Some(browser) = Browser::open().await else { return };
    let (_home, relay) = Relay::fresh();
    let mut alice = Person::join(&relay, "alice").await;
    let _bob = Person::join(&relay, "bob").await;
    let _carol = Person::join(&relay, "carol").await;
    let early = watch(&browser, &relay).await;
    for n in 0..300 {
        alice.post(["bob", "carol"][n % 2], if n % 3 == 0 { sealed(642) } else { open("hello") }).await;
    }
    early.until_text("#totals", "300 passed").await;
    let late = watch(&browser, &relay).await;
    late.until_text("#totals", "300 passed").await;
    for place in ["#totals", "#known li:nth-child(2)", "#buckets"] {
        early.until(&format!("document.querySelector('{place}').innerText.length > 10")).await;
        assert_eq!(early.text_at(place).await, late.text_at(place).await, "{place}");
    }
    assert!(early.text_at("#buckets").await.contains("100 sealed of one size: 100 × 642 B"));
    assert!(early.text_at("#totals").await.contains("200 open"));
    let spoken = "document.querySelector('#people').getAttribute('aria-label')";
    assert_eq!(early.text(spoken).await, late.text(spoken).await);
    let rows = late.evaluate("document.querySelectorAll('#rows li').length").await;
    assert_eq!(rows, 200, "the page keeps so many, of 256 that the relay keeps");

    late.click("#graph summary").await;
    late.until("document.querySelectorAll('#pairs tbody tr').length === 2").await;
    let table = late.text_at("#pairs").await;
    assert!(table.contains("alice") && table.contains("carol") && table.contains("100\t50"), "{table}");
}

#[tokio::test]
async fn after_a_restart_the_page_says_so_and_goes_on_once_the_new_address_is_open() {
    let Some(browser) = Browser::open().await else { return };
    let (home, relay) = Relay::fresh();
    let page = watch(&browser, &relay).await;
    let mut alice = Person::join(&relay, "alice").await;
    let _bob = Person::join(&relay, "bob").await;
    alice.open("bob", "before").await;
    page.until_text("#rows", "before").await;
    let (ws, eye) = (relay.ws.replace("ws://", ""), relay.eye.split('/').nth(2).unwrap().to_owned());
    drop(relay);
    page.until_text("#notice:not([hidden])", "The relay is gone").await;

    let relay = Relay::start(home.path(), &ws, &eye);
    page.until_text("#notice:not([hidden])", "Open the new address").await;
    let mut alice = Person::join(&relay, "alice").await;
    alice.open("bob", "meanwhile").await;
    let other = page.beside().await;
    other.navigate(&relay.eye).await;
    page.until("document.querySelector('#notice').hidden").await;
    alice.open("bob", "after").await;
    for said in ["before", "meanwhile", "after"] {
        page.until_text("#rows", said).await;
    }
    let shown = "[...document.querySelectorAll('#rows li')].map((row) => row.dataset.n).join(' ')";
    assert_eq!(page.text(shown).await, "3 2 1", "each once, the newest first");
    other.until_text("#totals", "2 passed").await;
    page.until_text("#totals", "2 passed").await; // by the relay that runs now
    page.until_text("#mail", "before").await;
}

#[tokio::test]
async fn everything_can_be_reached_by_keyboard_and_nothing_moves_for_those_who_ask() {
    let Some(browser) = Browser::open().await else { return };
    let (_home, relay) = Relay::fresh();
    let mut alice = Person::join(&relay, "alice").await;
    let _bob = Person::join(&relay, "bob").await;
    let page = watch(&browser, &relay).await;
    for text in ["one", "two", "three"] {
        alice.open("bob", text).await;
    }
    page.until("document.querySelectorAll('#rows li').length === 3").await;
    page.press("Tab").await;
    assert_eq!(page.text("document.activeElement.className").await, "skip");
    page.press("Tab").await;
    assert_eq!(page.text("document.activeElement.id").await, "pause");
    page.press(" ").await;
    alice.open("bob", "four").await;
    page.until_text("#pause", "Go on (1 new)").await;
    assert_eq!(page.evaluate("document.querySelectorAll('#rows li').length").await, 3, "paused");
    page.press(" ").await;
    page.until_text("#rows", "four").await;
    page.press("Tab").await;
    assert_eq!(page.text("document.activeElement.id").await, "rows");
    for key in ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp", "Enter"] {
        page.press(key).await;
    }
    page.until("document.querySelector('#inspector').open").await;
    assert!(page.text_at("#parts").await.contains("three"));
    page.press("Escape").await;
    page.until("!document.querySelector('#inspector').open").await;
    assert!(page.text("document.activeElement.innerText").await.contains("three"), "back where it was");
    let outline = page.text("getComputedStyle(document.activeElement).outlineStyle").await;
    assert_eq!(outline, "solid", "the focus can be seen");

    // A message runs along its line, unless less motion is asked for.
    page.evaluate("window.ran = 0; new MutationObserver((changes) => { for (const change of changes) for (const node of change.addedNodes)
        if (node.classList?.contains('pulse')) ran += 1; }).observe(document.querySelector('#people'), { subtree: true, childList: true }); 0").await;
    page.media(false, true).await;
    alice.open("bob", "still").await;
    page.until_text("#rows", "still").await;
    page.evaluate("new Promise((yes) => requestAnimationFrame(() => requestAnimationFrame(yes)))").await;
    assert_eq!(page.evaluate("ran").await, 0);
    page.media(false, false).await;
    alice.open("bob", "moving").await;
    page.until("ran > 0").await;
}

#[tokio::test]
async fn the_eye_is_legible_from_the_last_row_and_fits_a_phone() {
    let Some(browser) = Browser::open().await else { return };
    let (_home, relay) = Relay::fresh();
    let page = watch(&browser, &relay).await;
    populate(&relay).await;
    page.until_text("#totals", "50 passed").await;
    page.until("document.querySelectorAll('#mail li').length > 30").await;
    page.until(
        "document.querySelectorAll('#people text').length > 4 && document.querySelectorAll('#chart .open').length > 4",
    )
    .await;
    settle(&page).await;
    look::assert_legible(&page, "body", 24).await;
    for mode in ["open", "sealed"] {
        page.click(&format!("#rows li.{mode} button")).await;
        page.until("document.querySelector('#inspector').open").await;
        look::assert_legible(&page, "#inspector", 24).await;
        shoot(&page, &format!("inspector-{mode}")).await;
        page.press("Escape").await;
    }
    page.evaluate(
        "document.querySelector('#notice').hidden = false; document.querySelector('#notice').textContent = 'notice'; 0",
    )
    .await;
    settle(&page).await;
    look::assert_legible(&page, "body", 24).await;
    page.evaluate("document.querySelector('#notice').hidden = true; scrollTo(0, 0)").await;
    for (dark, name) in [(false, "light"), (true, "dark")] {
        page.media(dark, true).await;
        page.viewport(1024, 768, false).await;
        shoot(&page, &format!("1024-{name}")).await;
        page.viewport(1920, 1080, false).await;
        shoot(&page, &format!("1920-{name}")).await;
    }
    for width in [320, 390] {
        page.viewport(width, 844, true).await;
        settle(&page).await;
        look::assert_no_sideways_scroll(&page).await;
    }
    page.screenshot(format!("{}/eye-phone.png", env!("CARGO_TARGET_TMPDIR")), true).await;
}

/// Waits until the drawings have the size of their places.
async fn settle(page: &Page) {
    page.until("['people', 'chart'].every((id) => { const node = document.getElementById(id);
        return node.viewBox.baseVal.width === node.clientWidth && node.viewBox.baseVal.height === node.clientHeight; })")
        .await;
}

async fn shoot(page: &Page, name: &str) {
    settle(page).await;
    page.screenshot(format!("{}/eye-{name}.png", env!("CARGO_TARGET_TMPDIR")), false).await;
}

/// Four people, fifty messages.
async fn populate(relay: &Relay) {
    let mut alice = Person::join(relay, "alice").await;
    let mut bob = Person::join(relay, "bob").await;
    let mut carol = Person::join(relay, "carol").await;
    let mut dave = Person::join(relay, "dave").await;
    let asks = ["Lunch at noon?", "I found the book you lost last summer.", "ok"];
    let answers =
        ["Yes, the usual place", "no", "Bring the children, we have plenty of cake and nobody to eat it with"];
    for i in 0..9_usize {
        alice.send("bob", open(asks[i % 3])).await;
        bob.send("alice", open(answers[i % 3])).await;
        alice.send("bob", sealed(if i == 0 { 1916 } else { 642 })).await;
        bob.send("alice", sealed(if i == 5 { 1154 } else { 642 })).await;
        carol.send("alice", sealed(if i < 2 { 1916 } else { 642 })).await;
        if i % 2 == 0 {
            dave.send("carol", open("Have you seen the game?")).await;
        }
    }
}
