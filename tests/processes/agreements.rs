//! Agreements, tokens, the ledger and the disclosures: who may, who did, and what a user is told.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blindrelay::partner::{Access, Scope};
use blindrelay::wire::Token;
use serde_json::{Value, json};

use super::desk::{Desk, NOW};
use super::harness::{Relay, any_contains, home, mode, run};

const THREADS: &str = "/partner/v1/users/alice/threads";

#[tokio::test]
async fn a_token_is_good_for_its_quarter_of_an_hour_its_term_and_its_agreement() {
    let desk = Desk::new().await;
    desk.join("alice").await;
    let (token, secret) = desk.agree(Access::Whitelisted, &Scope::ALL).await;
    let get = async |token: &Token| desk.get(THREADS, token).await;
    get(&token).await.fine(200);
    desk.clock.set(NOW + 899_999);
    get(&token).await.fine(200);
    desk.clock.set(NOW + 900_000);
    assert!(get(&token).await.refused(401).contains("run out"));
    let fresh = desk.token(&secret).await.unwrap();
    get(&fresh).await.fine(200);
    // Revoked: at once, and the secret is good for nothing. A new agreement does not bring an old token back.
    let partner = "streamco".parse().unwrap();
    desk.book.end(&partner, true, desk.clock.now()).unwrap().unwrap();
    get(&fresh).await.refused(401);
    assert!(desk.token(&secret).await.is_none());
    let (newest, newest_secret) = desk.agree(Access::Whitelisted, &Scope::ALL).await;
    get(&fresh).await.refused(401);
    assert!(desk.token(&secret).await.is_none());
    get(&newest).await.fine(200);
    // The term: a token does not outlive it.
    let end = desk.clock.now() + 30 * 86_400_000;
    desk.clock.set(end - 1_000);
    let last = desk.token(&newest_secret).await.unwrap();
    get(&last).await.fine(200);
    desk.clock.set(end);
    get(&last).await.refused(401);
    assert!(desk.token(&newest_secret).await.is_none());
}

#[tokio::test]
async fn a_token_belongs_into_the_header_and_a_secret_into_the_token_request() {
    let desk = Desk::new().await;
    let (_, alices) = desk.join("alice").await;
    let (token, secret) = desk.agree(Access::Whitelisted, &Scope::ALL).await;
    for name in ["access_token", "token", "ACCESS_TOKEN", "client_secret"] {
        let path = format!("{THREADS}?{name}={}", token.expose());
        let refusal = desk.raw("GET", &path, "", b"").await.refused(400);
        assert!(refusal.contains("Authorization header") && !refusal.contains(&token.expose()), "{refusal}");
        // Not even beside a good one.
        desk.get(&path, &token).await.refused(400);
    }
    for head in ["", "authorization: Bearer\r\n", "authorization: Bearer x\r\n", "authorization: Basic x\r\n"] {
        desk.raw("GET", THREADS, head, b"").await.refused(401);
    }
    for other in [&alices, &desk.operator, &secret, &Token::random(&mut rand::rng())] {
        desk.get(THREADS, other).await.refused(401);
    }
    desk.get(THREADS, &token).await.fine(200);

    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let ask = async |head: &str, body: &str| desk.raw("POST", "/partner/v1/token", head, body.as_bytes()).await;
    let basic = |id: &str, secret: &Token| {
        format!("authorization: Basic {}\r\n{form}", STANDARD.encode(format!("{id}:{}", secret.expose())))
    };
    let (good, grant) = (basic("streamco", &secret), "grant_type=client_credentials");
    let issued = ask(&good, grant).await;
    assert!(issued.head.contains("cache-control: no-store"), "{issued:?}");
    let issued = issued.fine(200);
    assert_eq!((&issued["token_type"], &issued["expires_in"]), (&json!("Bearer"), &json!(900)));
    for head in [basic("streamco", &token), basic("other", &secret), basic("Not A Name", &secret), form.to_owned()] {
        ask(&head, grant).await.refused(401);
    }
    for body in ["", "grant_type=password", "grant_type=client_credentialsx", "\u{0}"] {
        ask(&good, body).await.refused(400);
    }
    ask(&good.replace(form, ""), grant).await.refused(415);
    ask(&good, &format!("{grant}&x={}", "x".repeat(2 << 20))).await.refused(413);
}

#[tokio::test]
async fn the_operators_desk_takes_the_operator_and_sensible_terms() {
    let desk = Desk::new().await;
    let (_, alices) = desk.join("alice").await;
    let terms = |key: &str, value: Value| {
        let mut terms = json!({"partner": "streamco", "title": "StreamCo", "scopes": ["inbox.read"], "access": "per-login",
            "days": 30, "spend_usd_per_year": 150_000_000, "disclosed": true});
        terms[key] = value;
        terms
    };
    let agree = async |terms: Value| desk.send("POST", "/operator/v1/agreements", &desk.operator, terms).await;
    for (key, value) in [
        ("partner", json!("Stream Co")),
        ("title", json!("")),
        ("title", json!("x".repeat(41))),
        ("title", json!("\u{1b}[2J")),
        ("scopes", json!([])),
        ("scopes", json!(["everything"])),
        ("access", json!("all")),
        ("days", json!(0)),
        ("days", json!(-1)),
        ("days", json!(4_000_000_000_u64)),
        ("spend_usd_per_year", json!(u64::MAX)),
        ("more", json!(1)),
    ] {
        agree(terms(key, value)).await.refused(400);
    }
    for path in ["agreements", "agreements/streamco", "ledger", "reports"] {
        let path = format!("/operator/v1/{path}");
        desk.get(&path, &alices).await.refused(401);
        desk.raw("GET", &format!("{path}?token={}", desk.operator.expose()), "", b"").await.refused(400);
    }
    desk.send("POST", "/operator/v1/agreements", &alices, terms("days", json!(1))).await.refused(401);
    assert!(desk.book.agreements(None).unwrap().is_empty(), "nothing was made");
    desk.send("POST", "/operator/v1/agreements/streamco/revoke", &desk.operator, "").await.refused(404);
    agree(terms("days", json!(30))).await.fine(201);
    agree(terms("days", json!(30))).await.refused(409);
    for end in ["revoke", "expire"] {
        desk.send("POST", &format!("/operator/v1/agreements/streamco/{end}"), &alices, "").await.refused(401);
        desk.send("POST", &format!("/operator/v1/agreements/streamco/{end}"), &desk.operator, "").await.fine(200);
        agree(terms("title", json!("caf\u{e9} \u{202e}"))).await.fine(201);
    }
    let standing = desk.get("/operator/v1/agreements", &desk.operator).await.fine(200);
    let standing: Vec<&str> =
        standing["agreements"].as_array().unwrap().iter().map(|shown| shown["standing"].as_str().unwrap()).collect();
    assert_eq!(standing, ["in-force", "over", "revoked"]);
    // Reports are due: fourteen days, and seven to write them.
    let due = async |days: u64| {
        desk.clock.set(NOW + days * 86_400_000);
        let reports = desk.get("/operator/v1/reports", &desk.operator).await.fine(200);
        reports["due"]
            .as_array()
            .unwrap()
            .iter()
            .map(|due| due["state"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (due(13).await, due(14).await, due(21).await),
        (vec![], vec!["due".to_owned()], vec!["overdue".to_owned()])
    );
}

#[tokio::test]
async fn a_user_is_told_what_the_platform_chooses_and_nobody_else_is() {
    let desk = Desk::new().await;
    let (mut alice, alices) = desk.join("alice").await;
    let (_, bobs) = desk.join("bob").await;
    alice.say(1, "bob", "hello").await;
    alice.accepted(1).await;
    let (token, _) = desk.agree(Access::PerLogin, &Scope::ALL).await;
    let told = async |user: &str, token: &Token| desk.get(&format!("/account/v1/{user}/disclosures"), token).await;
    for (user, token) in [("alice", &bobs), ("nobody", &alices), ("Not-A-Name", &alices), ("alice", &token)] {
        assert!(told(user, token).await.refused(401).contains("not the token of that mailbox"));
        desk.send("PUT", &format!("/account/v1/{user}/connections/streamco"), token, "").await.refused(401);
    }
    assert_eq!(told("bob", &bobs).await.fine(200)["partners"], json!([]), "he has not connected it");
    desk.send("PUT", "/account/v1/bob/connections/nobody", &bobs, "").await.refused(404);
    desk.send("PUT", "/account/v1/bob/connections/streamco", &bobs, "").await.fine(200);
    desk.get("/partner/v1/users/bob/messages", &token).await.fine(200);
    let shown = told("bob", &bobs).await.fine(200);
    let partner = &shown["partners"][0];
    assert_eq!(partner["correspondents_who_never_agreed"], json!(["alice"]));
    assert_eq!((&partner["used"][0]["scope"], &partner["used"][0]["used"]), (&json!("inbox.read"), &json!(1)));
    assert!(shown["note"].as_str().unwrap().contains("platform's word"));
    // Alice's words were read, and she is told nothing: nobody uses her account.
    assert_eq!(told("alice", &alices).await.fine(200)["partners"], json!([]));
    // An agreement that lets it write, and not read, opens nobody's words.
    desk.send("POST", "/operator/v1/agreements/streamco/revoke", &desk.operator, "").await.fine(200);
    desk.agree(Access::PerLogin, &[Scope::MessageWrite]).await;
    let never = async || {
        told("bob", &bobs).await.fine(200)["partners"]
            .as_array()
            .unwrap()
            .iter()
            .map(|partner| partner["correspondents_who_never_agreed"].clone())
            .collect::<Vec<_>>()
    };
    assert!(never().await.iter().all(|names| *names == json!([])), "{:?}", never().await);
    desk.send("POST", "/operator/v1/agreements/streamco/revoke", &desk.operator, "").await.fine(200);
    desk.agree(Access::PerLogin, &Scope::ALL).await;
    assert!(never().await.contains(&json!(["alice"])), "{:?}", never().await);
    desk.send("PUT", "/account/v1/alice/connections/streamco", &alices, "").await.fine(200);
    assert_eq!(told("bob", &bobs).await.fine(200)["partners"][0]["correspondents_who_never_agreed"], json!([]));
}

fn platform(home: &Path, relay: &Relay, args: &[&str]) -> String {
    run(home, &[&["platform"], args, &["--relay", &relay.url()]].concat(), "").ok()
}

#[test]
fn at_the_terminal_an_agreement_is_made_used_counted_disclosed_and_revoked() {
    let home = home();
    let relay = Relay::start(home.path());
    let url = relay.url();
    let blindrelay = |args: &[&str]| run(home.path(), &[args, &["--relay", &url]].concat(), "");
    blindrelay(&["inbox", "bob"]).ok();
    run(home.path(), &["send", "alice", "bob", "--open", "--relay", &url], "meet me at the harbour").ok();

    let made = platform(
        home.path(),
        &relay,
        &["agree", "streamco", "--access", "whitelisted", "--spend", "150000000", "--undisclosed"],
    );
    assert!(
        made.contains("in-force")
            && made.contains("*alleged*")
            && made.contains("does not say whether users were asked"),
        "{made}"
    );
    let kept = home.path().join("streamco/credentials");
    assert_eq!((mode(&kept), mode(kept.parent().unwrap())), (0o600, 0o700));
    let secret = serde_json::from_slice::<Value>(&std::fs::read(&kept).unwrap()).unwrap()["client_secret"].clone();
    let secret = secret.as_str().unwrap();
    assert!(!made.contains(secret) && !any_contains(&home.path().join("relay"), secret.as_bytes()), "hashed");
    assert!(any_contains(&home.path().join("streamco"), secret.as_bytes()), "the control");
    let again = blindrelay(&["platform", "agree", "streamco"]).fails(1);
    assert!(again.contains("revoke it first"), "{again}");

    assert!(blindrelay(&["streamco", "inbox", "bob"]).ok().contains("meet me at the harbour"));
    let ledger = platform(home.path(), &relay, &["show", "streamco"]);
    assert!(ledger.contains("inbox.read      granted 1, used 1 times on 1 accounts"), "{ledger}");
    assert!(ledger.contains("message.write   granted 1, used 0 times"), "granted, and never used: {ledger}");
    // Read, and the platform chose not to say so.
    let told = blindrelay(&["account", "disclosures", "bob"]).ok();
    assert!(told.contains("discloses nothing") && told.contains("platform's word"), "{told}");
    assert!(platform(home.path(), &relay, &["revoke", "streamco"]).contains("revoked"));
    let refused = blindrelay(&["streamco", "inbox", "bob"]).fails(1);
    assert!(refused.contains("refuses StreamCo's credentials"), "{refused}");

    let made = platform(home.path(), &relay, &["agree", "streamco", "--scopes", "inbox.read,message.write"]);
    assert!(made.contains("whoever writes with them never agreed"), "{made}");
    let foreign = blindrelay(&["streamco", "inbox", "bob"]).fails(1);
    let connected = blindrelay(&["account", "connect", "bob", "streamco"]).ok();
    assert!(foreign.contains("nobody of that name") && connected.contains("StreamCo is connected"), "{connected}");
    assert!(blindrelay(&["streamco", "inbox", "bob"]).ok().contains("meet me at the harbour"));
    run(home.path(), &["streamco", "send", "bob", "alice", "--relay", &url], "Bob recommends a film").ok();
    assert_eq!(blindrelay(&["inbox", "alice"]).ok(), "bob via StreamCo (open): Bob recommends a film\n");
    let told = blindrelay(&["account", "disclosures", "bob"]).ok();
    assert!(told.contains("inbox.read used 2 times") && told.contains("with alice, who never agreed"), "{told}");
    blindrelay(&["account", "disconnect", "bob", "streamco"]).ok();
    blindrelay(&["streamco", "inbox", "bob"]).fails(1);
    let nobody = blindrelay(&["account", "disclosures", "nobody"]).fails(1);
    assert!(nobody.contains("no vault on this home"), "{nobody}");
    assert!(platform(home.path(), &relay, &["expire", "streamco"]).contains("over"));
    let list = platform(home.path(), &relay, &["list", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&list).unwrap()["agreements"].as_array().unwrap().len(), 2);
    assert!(!list.contains(secret));
    let document: Value = serde_json::from_str(&run(home.path(), &["platform", "openapi"], "").ok()).unwrap();
    assert!(
        document["openapi"].as_str().unwrap().starts_with("3.1") && document["paths"].as_object().unwrap().len() > 7
    );
}

#[tokio::test]
async fn the_document_names_every_route_of_the_partner_api_and_is_for_everybody() {
    let desk = Desk::new().await;
    let document = desk.raw("GET", "/partner/v1/openapi.json", "", b"").await.fine(200);
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace("{user}", "alice").replace("{seq}", "1");
        for (method, operation) in methods.as_object().unwrap() {
            let answer = desk.raw(&method.to_uppercase(), &path, "", b"").await;
            answer.refused(401);
            let declared = operation["responses"].as_object().unwrap();
            assert!(declared.contains_key("401") && declared.contains_key("429"), "{method} {path}");
        }
    }
}
