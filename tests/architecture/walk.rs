//! The twenty minutes of `docs/partner.md`: its commands are run one after another, exactly as they stand, and say what is written.
//!
//! Only the ports differ: the relay and StreamCo's app listen on free ones, and a shell function of the program's name adds where.

use std::env;
use std::path::Path;

use super::teaching::{blocks, fits, output, read, section, unknown_commands, untagged};

/// What stands before the first command: both programs, and the function.
const BEFORE: &str = r#"
exec 2>&1
export BLINDRELAY_HOME="$TMPDIR/home"
mkdir "$BLINDRELAY_HOME"
command blindrelay relay --hoard --listen 127.0.0.1:0 > "$TMPDIR/relay" 2> /dev/null &
command blindrelay streamco serve --listen 127.0.0.1:0 > "$TMPDIR/app" 2> /dev/null &
until grep -qs listening "$TMPDIR/relay" && grep -qs http "$TMPDIR/app"; do sleep 0.1; done
URL=$(sed -n 's/.*listening on //p' "$TMPDIR/relay")
APP=$(sed -n 's/.*http:\/\///p' "$TMPDIR/app")
blindrelay() {
  case "$1 $2" in
    "share "* | "streamco recommend") command blindrelay "$@" --relay "$URL" --app "$APP" ;;
    "platform except") command blindrelay "$@" ;;
    *) command blindrelay "$@" --relay "$URL" ;;
  esac
}
"#;

/// The commands of the first steps of the walk through as one script, and all that they say.
fn walk(document: &str, most: usize) -> (String, String) {
    let steps = section(document, "## Twenty minutes");
    let blocks = blocks(steps);
    let pairs: Vec<_> = blocks.windows(2).filter(|pair| pair[0].0 == "sh" && pair[1].0 == "text").collect();
    assert!(pairs.len() >= 8, "only {} steps", pairs.len());
    let pairs = &pairs[..most.min(pairs.len())];
    let program = Path::new(env!("CARGO_BIN_EXE_blindrelay")).parent().unwrap().display();
    let commands: String = pairs.iter().map(|pair| pair[0].1).collect();
    let said = pairs.iter().map(|pair| pair[1].1).collect();
    (format!("PATH='{program}':$PATH\n{BEFORE}\n{commands}"), said)
}

#[test]
fn the_twenty_minutes_say_what_is_written() {
    let document = read("docs/partner.md");
    let (script, expected) = walk(&document, usize::MAX);
    let got = output(&script);
    assert!(fits(&expected, &got), "EXPECTED\n{expected}\nGOT\n{got}");
    // The control: the first steps without Bob's click say something else.
    let (script, expected) = walk(&document.replace("\nblindrelay account connect bob streamco\n", "\n"), 2);
    let got = output(&script);
    assert!(got.contains("connected by: nobody") && !fits(&expected, &got), "{got}");
}

#[test]
fn what_is_written_about_the_partner_exists_and_is_tagged() {
    let document = read("docs/partner.md");
    let (unknown, calls) = unknown_commands(&document);
    assert!(unknown.is_empty() && calls > 40, "{calls} commands: {unknown:#?}");
    assert_eq!(untagged(&document), [""; 0]);
    // The control: two statements, each without its tag.
    for (tag, bare) in [("*Denied* by Netflix", "Said by Netflix"), ("*Conceded* by Facebook", "Said by Facebook")] {
        let bare = document.replacen(tag, bare, 1);
        assert_ne!(bare, document, "`{tag}` is not there");
        assert_eq!(untagged(&bare).len(), 1, "{tag}");
    }
}
