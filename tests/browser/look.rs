//! What a page must look like, measured in the browser: large enough, contrasting enough, no wider than its window.
//!
//! Source: WCAG 2.2, "Contrast (Enhanced)" and "relative luminance".

use super::cdp::Page;

/// Walks the visible text of `root` and returns a line for each piece that is smaller than `least` pixels or, against the
/// nearest ground that is painted behind it, below 7:1.
const SURVEY: &str = r"((root, least) => {
    const parse = (color) => { const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number); return { r, g, b, a }; };
    const linear = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const luminance = ({ r, g, b }) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
    const ground = (node) => {
        for (let at = node; at; at = at.parentElement) {
            const color = parse(getComputedStyle(at).backgroundColor);
            if (color.a === 1) return color;
            if (color.a > 0) return { r: NaN, g: NaN, b: NaN };
        }
        return { r: 255, g: 255, b: 255 };
    };
    const found = [], seen = new Set();
    let counted = 0;
    const texts = document.createTreeWalker(document.querySelector(root), NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const node = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || seen.has(node)) continue;
        seen.add(node);
        const style = getComputedStyle(node), box = node.getBoundingClientRect();
        if (!node.checkVisibility({ visibilityProperty: true }) || box.width < 2 || box.height < 2) continue;
        counted += 1;
        const drawn = node instanceof SVGElement;
        const matrix = drawn && node.getScreenCTM();
        const size = parseFloat(style.fontSize) * (matrix ? Math.hypot(matrix.a, matrix.b) : 1);
        const ratio = contrast(parse(drawn ? style.fill : style.color), ground(node));
        const what = `<${node.localName} class='${node.getAttribute('class') ?? ''}'> ${texts.currentNode.data.trim().slice(0, 40)}`;
        if (size < least - 0.01) found.push(`${size.toFixed(1)} px: ${what}`);
        if (!(ratio >= 7)) found.push(`${ratio.toFixed(2)}:1: ${what}`);
    }
    return { found, counted };
})";

/// Asserts that every visible text in `root` is at least `pixels` high and has a contrast of at least 7:1, light and dark.
pub async fn assert_legible(page: &Page, root: &str, pixels: u32) {
    for dark in [false, true] {
        page.media(dark, false).await;
        let survey = page.evaluate(&format!("{SURVEY}('{root}', {pixels})")).await;
        let counted = survey["counted"].as_u64().unwrap();
        assert!(counted > 10, "there is text to look at: {counted}");
        assert_eq!(survey["found"], serde_json::json!([]), "dark: {dark}, of {counted} texts");
    }
    page.media(false, false).await;
}

/// Asserts that nothing sticks out of the window sideways.
pub async fn assert_no_sideways_scroll(page: &Page) {
    let wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]").await;
    assert!(wide[0].as_f64() <= wide[1].as_f64(), "the page is wider than its window: {wide}");
}

/// The survey itself can fail: small, pale and wide things are found.
#[tokio::test]
async fn the_survey_finds_small_pale_and_wide_text() {
    let Some(browser) = super::cdp::Browser::open().await else { return };
    let page = browser.page().await;
    let good = "<p style='font-size:24px'>good</p>".repeat(11);
    page.navigate(&format!(
        "data:text/html,<body>{good}<p style='font-size:23px'>small</p><p style='font-size:24px;color:gray'>pale</p>"
    ))
    .await;
    let survey = page.evaluate(&format!("{SURVEY}('body', 24)")).await;
    assert_eq!((survey["counted"].as_u64(), survey["found"].as_array().map(Vec::len)), (Some(13), Some(2)), "{survey}");
    assert_no_sideways_scroll(&page).await;
    page.navigate("data:text/html,<p style='width:2000px'>wide</p>").await;
    assert!(page.evaluate("document.documentElement.scrollWidth > innerWidth").await.as_bool().unwrap());
}
