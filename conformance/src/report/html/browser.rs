//! The page in a real browser, at a desk's and at a phone's width: `just browser`. Without that feature these tests are not
//! there, rather than there and passed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::html;
use crate::report::sample;

/// Asks the page what a reader would see and leaves the answers where `--dump-dom` shows them.
const QUESTIONS: &str = r#"<script>
const answers = [];
const shown = () => document.getElementById("shown").textContent;
answers.push(shown());
const form = document.querySelector(".filters");
const choose = (change) => { change(); form.dispatchEvent(new Event("input")); answers.push(shown()); };
choose(() => { form.querySelector("[value=diverged]").checked = true; });
choose(() => { form.querySelector("[value=died]").checked = true; });
choose(() => { form.elements.text.value = "ECHO/DIED"; });
choose(() => { form.elements.level.value = "may"; });
const squares = [...document.querySelectorAll(".squares a")];
answers.push(squares.filter((square) => square.style.opacity < 1).length + " squares faded");
answers.push(document.querySelectorAll("mark").length > 0 ? "marked" : "no mark");
const room = document.documentElement;
answers.push(room.scrollWidth <= room.clientWidth ? "fits" : "too wide by " + (room.scrollWidth - room.clientWidth));
document.body.dataset.answers = answers.join("; ");
</script>"#;

/// Debian's name for it, or another one's in `$CHROMIUM`.
fn browser() -> Command {
    let mut command = Command::new(env::var_os("CHROMIUM").unwrap_or_else(|| "chromium".into()));
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
    ]);
    command
}

fn written(name: &str, page: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/respect/pages");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.canonicalize().unwrap().join(name);
    fs::write(&path, page).unwrap();
    path
}

#[test]
fn filters_choose_and_nothing_is_wider_than_the_window() {
    let page = html(&sample::full()).replace("</body>", &format!("{QUESTIONS}</body>"));
    let page = written("questions.html", &page);
    // A headless window is not narrower than 500 pixels; a phone's width is given to a frame.
    for width in [1280, 390] {
        let frame = format!(
            "<!doctype html><iframe id=f style='border:0;width:{width}px;height:900px' src='{}'></iframe>\
             <script>f.onload = () => document.title = f.contentDocument.body.dataset.answers;</script>",
            page.file_name().unwrap().to_string_lossy()
        );
        let frame = written(&format!("frame-{width}.html"), &frame);
        let output = browser()
            .args([
                "--allow-file-access-from-files",
                "--window-size=1400,1000",
                "--dump-dom",
            ])
            .arg(format!("file://{}", frame.display()))
            .output()
            .expect("a browser is needed: apt-get install chromium, or set $CHROMIUM");
        let dom = String::from_utf8_lossy(&output.stdout);
        let answers = dom
            .split_once("<title>")
            .and_then(|(_, rest)| rest.split_once("</title>"));
        assert_eq!(
            answers.map(|(answers, _)| answers),
            Some(
                "8 of 8 shown; 1 of 8 shown; 2 of 8 shown; 1 of 8 shown; 0 of 8 shown; 8 squares faded; marked; fits"
            ),
            "at {width} pixels"
        );
    }
}

#[test]
fn pictures_are_left_to_be_looked_at() {
    let page = written("sample.html", &html(&sample::full()));
    for (width, scheme) in [(1280, 1), (1280, 0), (500, 1)] {
        let picture = page.with_file_name(format!("sample-{width}-{scheme}.png"));
        let _ = fs::remove_file(&picture);
        let status = browser()
            .arg(format!("--window-size={width},3600"))
            .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
            .arg(format!("--screenshot={}", picture.display()))
            .arg(format!("file://{}", page.display()))
            .status()
            .expect("a browser is needed: apt-get install chromium, or set $CHROMIUM");
        assert!(status.success() && fs::metadata(&picture).unwrap().len() > 10_000);
    }
}
