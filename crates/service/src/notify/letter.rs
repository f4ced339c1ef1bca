//! A mail as it arrives: text and HTML of the same words, the tenant's name and colour, a code
//! and never a link (catalogue COD-14).

use askama::Template;
use protocol::api::Help;

use crate::{
    alerts::Alert,
    flow::{Message, MessageKind},
    locale::Locales,
};

/// A mail, ready to be sent.
pub struct Letter {
    /// One line.
    pub subject: String,
    /// The words.
    pub text: String,
    /// The same, to look at.
    pub html: String,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Html<'a>(&'a Words);

#[derive(Template)]
#[template(path = "letter.txt")]
struct Text<'a>(&'a Words);

struct Words {
    language: String,
    tenant: String,
    accent: String,
    subject: String,
    greeting: String,
    lead: String,
    code: Option<String>,
    life: Option<String>,
    warn: String,
    help: Option<String>,
    case: Option<String>,
}

/// Writes a message as a letter of this tenant.
pub fn write(
    locales: &Locales,
    tenant: &str,
    accent: &str,
    help: &Help,
    message: &Message,
) -> Letter {
    let key = match message.kind {
        MessageKind::Code => "code",
        MessageKind::CannotRecover => "cannot-recover",
        MessageKind::Unlocked => "unlocked",
        MessageKind::PasswordSet => "password-set",
        MessageKind::AddressChanged => "address-changed",
        MessageKind::NumberChanged => "number-changed",
    };
    let minutes = message.minutes.to_string();
    let name = message.to.as_ref().map(|to| to.name.as_str()).unwrap_or_default();
    let help = help_line(help);
    let named = [
        ("tenant", tenant),
        ("user", message.user_id.as_str()),
        ("name", name),
        ("minutes", minutes.as_str()),
        ("case", message.case_code.as_str()),
        ("help", help.as_deref().unwrap_or_default()),
    ];
    let say = |key: &str| locales.say(&message.language, key, &named);
    let words = Words {
        language: message.language.clone(),
        tenant: tenant.to_owned(),
        accent: readable_accent(accent),
        subject: say(&format!("mail-{key}-subject")),
        greeting: say("mail-greeting"),
        lead: say(&format!("mail-{key}-lead")),
        code: message.code.as_deref().map(grouped),
        life: message.code.as_ref().map(|_| say("mail-code-life")),
        warn: say(&format!("mail-{key}-warn")),
        help: help.as_ref().map(|_| say("mail-help")),
        case: Some(say("mail-case")),
    };
    words.letter()
}

/// Writes an alert to an administrator of this tenant.
pub fn write_alert(locales: &Locales, tenant: &str, accent: &str, alert: &Alert) -> Letter {
    let minutes = alert.minutes.to_string();
    let named = [
        ("tenant", tenant),
        ("directory", alert.directory.as_str()),
        ("agent", alert.agent.as_str()),
        ("minutes", minutes.as_str()),
    ];
    let language = locales.choose(&alert.language);
    let say = |key: &str| locales.say(language, key, &named);
    let key = alert.kind.key();
    let words = Words {
        language: language.to_owned(),
        tenant: tenant.to_owned(),
        accent: readable_accent(accent),
        subject: say(&format!("mail-{key}-subject")),
        greeting: say("mail-alert-greeting"),
        lead: say(&format!("mail-{key}-lead")),
        code: None,
        life: None,
        warn: say(&format!("mail-{key}-warn")),
        help: None,
        case: None,
    };
    words.letter()
}

impl Words {
    fn letter(&self) -> Letter {
        // Templates over ready words cannot fail; a letter without its layout still has its words.
        let text = Text(self).render().unwrap_or_else(|_| self.lead.clone());
        let html = Html(self).render().unwrap_or_else(|_| self.lead.clone());
        Letter { subject: one_line(&self.subject), text, html }
    }
}

/// Grouped by four, as the page groups it.
fn grouped(code: &str) -> String {
    let digits: Vec<char> = code.chars().collect();
    digits.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

fn help_line(help: &Help) -> Option<String> {
    let parts = [Some(help.name.clone()), help.phone.clone(), help.hours.clone()];
    let line: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    (!line.is_empty()).then(|| line.join(", "))
}

/// Subjects come from templates and names: no line break ever gets into a header.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A colour is a colour or our own; never text that a style would interpret.
pub(crate) fn readable_accent(accent: &str) -> String {
    let hex = accent.strip_prefix('#').unwrap_or_default();
    let ok = hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    if ok { accent.to_owned() } else { "#0b57d0".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{alerts::AlertKind, flow::Recipient};

    fn letter(kind: MessageKind, language: &str) -> Letter {
        let message = Message {
            kind,
            to: Some(Recipient {
                address: "anna@mail.example".to_owned(),
                name: "Anna <b>Berg</b>".to_owned(),
            }),
            code: (kind == MessageKind::Code).then(|| "12345678".to_owned()),
            minutes: 10,
            user_id: "anna@demo.example".to_owned(),
            case_code: "K7M2XQ".to_owned(),
            language: language.to_owned(),
        };
        let help = Help {
            name: "IT service desk".to_owned(),
            phone: Some("+49 30 1234".to_owned()),
            ..Help::default()
        };
        write(&Locales::load(), "Demo Ltd", "#0b57d0", &help, &message)
    }

    #[test]
    fn letters_read_as_reviewed() {
        let mut all = String::new();
        for language in ["en", "de"] {
            for kind in [
                MessageKind::Code,
                MessageKind::CannotRecover,
                MessageKind::Unlocked,
                MessageKind::PasswordSet,
                MessageKind::AddressChanged,
                MessageKind::NumberChanged,
            ] {
                let letter = letter(kind, language);
                all.push_str(&format!(
                    "=== {language} {kind:?}\n{}\n\n{}\n",
                    letter.subject, letter.text
                ));
            }
        }
        insta::assert_snapshot!("letters", all);
        insta::assert_snapshot!("letter_html", letter(MessageKind::Code, "en").html);
    }

    #[test]
    fn alerts_read_as_reviewed() {
        let mut all = String::new();
        for language in ["en", "de"] {
            for kind in AlertKind::ALL {
                let alert = Alert {
                    kind,
                    to: "it@example.org".to_owned(),
                    language: language.to_owned(),
                    directory: "Staff".to_owned(),
                    agent: "dc1".to_owned(),
                    minutes: 3,
                };
                let letter = write_alert(&Locales::load(), "Demo Ltd", "#0b57d0", &alert);
                all.push_str(&format!(
                    "=== {language} {kind:?}\n{}\n\n{}\n",
                    letter.subject, letter.text
                ));
                assert!(!letter.html.contains("mail-"), "every word is there");
            }
        }
        insta::assert_snapshot!("alerts", all);
    }

    #[test]
    fn a_letter_has_no_link_and_escapes_names() {
        let letter = letter(MessageKind::Code, "en");
        assert!(!letter.text.contains("http") && !letter.html.contains("href"));
        assert!(!letter.html.contains("<b>Berg"));
        assert!(letter.text.contains("1234 5678"));
    }
}
