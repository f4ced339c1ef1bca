//! The welcome letter: a page that is printed for somebody's first day. It says where to set the
//! first password and how.
//!
//! It is made for being lost. Nothing on it opens anything: no code, no password, no personal
//! link. Whoever finds it learns a name, a user ID and the public address of the service, and
//! meets the same gates as everybody. The QR code holds that address alone.

use askama::Template;
use protocol::api::Help;
use qrcode::{Color, EcLevel, QrCode};

use crate::{locale::Locales, notify::readable_accent};

/// For whom, and from whom.
#[derive(Debug)]
pub struct Welcome<'a> {
    /// The person's name.
    pub name: &'a str,
    /// What they type.
    pub user_id: &'a str,
    /// A language that was asked for.
    pub language: &'a str,
    /// The organisation's name.
    pub tenant: &'a str,
    /// The organisation's public host name.
    pub host: &'a str,
    /// The organisation's colour.
    pub accent: &'a str,
    /// Whom to ask.
    pub help: &'a Help,
    /// What the tile on the sign-in screen says, where that was changed.
    pub tile: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct Page {
    language: String,
    tenant: String,
    accent: String,
    title: String,
    greeting: String,
    lead: String,
    user_label: String,
    user_id: String,
    address_label: String,
    address: String,
    qr_alt: String,
    qr: Drawn,
    ways_title: String,
    ways: [String; 2],
    steps_title: String,
    steps: [String; 4],
    safe_title: String,
    safe: [String; 3],
    help_title: String,
    help: Vec<String>,
}

/// A QR code as one path of an SVG.
struct Drawn {
    size: usize,
    path: String,
}

/// Around the code scanners need four empty cells.
const QUIET: usize = 4;

impl Welcome<'_> {
    /// The page, whole: it loads nothing.
    ///
    /// # Errors
    /// When the address is too long for a QR code, which no host name is.
    pub fn page(&self, locales: &Locales) -> anyhow::Result<String> {
        let language = locales.choose(self.language);
        let address = format!("https://{}", self.host);
        let tile = match self.tile {
            Some(tile) => tile.to_owned(),
            None => locales.say(language, "welcome-tile", &[]),
        };
        let named = [
            ("name", self.name),
            ("tenant", self.tenant),
            ("address", address.as_str()),
            ("tile", tile.as_str()),
        ];
        let say = |key: &str| locales.say(language, &format!("welcome-{key}"), &named);
        let Help { name, phone, hours, url } = self.help;
        let help = [Some(name.clone()), phone.clone(), hours.clone(), url.clone()];
        let page = Page {
            language: language.to_owned(),
            tenant: self.tenant.to_owned(),
            accent: readable_accent(self.accent),
            title: say("title"),
            greeting: say("greeting"),
            lead: say("lead"),
            user_label: say("user"),
            user_id: self.user_id.to_owned(),
            address_label: say("address"),
            qr_alt: say("qr"),
            qr: draw(&address)?,
            address: address.clone(),
            ways_title: say("ways"),
            ways: [say("way-pc"), say("way-web")],
            steps_title: say("steps"),
            steps: [say("step-first"), say("step-user"), say("step-prove"), say("step-password")],
            safe_title: say("safe"),
            safe: [say("safe-nobody-asks"), say("safe-address"), say("safe-found")],
            help_title: say("help"),
            help: help.into_iter().flatten().filter(|line| !line.is_empty()).collect(),
        };
        Ok(page.render()?)
    }
}

fn draw(text: &str) -> anyhow::Result<Drawn> {
    // Paper gets folds and stains.
    let code = QrCode::with_error_correction_level(text, EcLevel::Q)?;
    let width = code.width();
    let cells = code.to_colors().into_iter().enumerate();
    let path = cells
        .filter(|(_, cell)| *cell == Color::Dark)
        .map(|(at, _)| format!("M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET))
        .collect();
    Ok(Drawn { size: width + 2 * QUIET, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(language: &str) -> String {
        let help = Help {
            name: "IT service desk".to_owned(),
            phone: Some("+49 30 1234".to_owned()),
            hours: Some("Monday to Friday, 7 to 18".to_owned()),
            url: None,
        };
        let welcome = Welcome {
            name: "Anna <b>Berg</b>",
            user_id: "anna@example.org",
            language,
            tenant: "Northwind",
            host: "unlock.example.org",
            accent: "#0b7a4b",
            help: &help,
            tile: None,
        };
        welcome.page(&Locales::load()).unwrap()
    }

    #[test]
    fn the_page_reads_as_reviewed() {
        // The drawing is tested for itself.
        let plain = |page: String| {
            let start = page.find("<path class=\"cells\" d=\"").unwrap() + 23;
            let end = start + page[start..].find('"').unwrap();
            format!("{}...{}", &page[..start], &page[end..])
        };
        insta::assert_snapshot!("welcome_en", plain(page("en")));
        insta::assert_snapshot!("welcome_de", plain(page("de-AT")));
    }

    /// What somebody finds in a bin: nothing to click, to load or to run, and in the QR code
    /// nothing that is about the person.
    #[test]
    fn nothing_on_it_opens_anything() {
        let page = page("en");
        for word in ["<a ", "href", "<script", "src=", "@import", "url(", "<form", "<b>Berg"] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(!page.contains("welcome-"), "every word is there");
        let shown = draw("https://unlock.example.org").unwrap();
        assert!(page.contains(&shown.path), "the address and nothing else");
    }

    /// The three corners by which scanners find the code, and the empty edge around it.
    #[test]
    fn the_code_has_its_corners_and_its_quiet_edge() {
        let Drawn { size, path } = draw("https://unlock.example.org").unwrap();
        let dark = |x: usize, y: usize| path.contains(&format!("M{x} {y}h"));
        for (x, y) in [(4, 4), (size - 11, 4), (4, size - 11)] {
            assert!((0..7).all(|i| dark(x + i, y) && dark(x, y + i) && dark(x + i, y + 6)));
            assert!((0..5).all(|i| !dark(x + 1 + i, y + 1)) && dark(x + 3, y + 3));
        }
        assert!((0..size).all(|i| !dark(i, 3) && !dark(3, i) && !dark(i, size - 4)));
    }

    #[test]
    fn a_colour_is_a_colour() {
        let help = Help::default();
        let welcome = Welcome {
            name: "A",
            user_id: "a",
            language: "en",
            tenant: "T",
            host: "h.example",
            accent: "red;} body{display:none",
            help: &help,
            tile: Some("Locked out?"),
        };
        let page = welcome.page(&Locales::load()).unwrap();
        assert!(!page.contains("display:none") && page.contains("Locked out?"));
    }
}
