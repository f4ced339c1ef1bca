//! What was found, as an administrator reads it in a terminal and as JSON.

use serde_json::json;

use super::{Check, Group, Mend, Verdict};

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// By what it is about.
    pub groups: Vec<Group>,
}

const WIDTH: usize = 96;

impl Findings {
    /// How many things must be mended.
    pub fn bad(&self) -> usize {
        self.checks().filter(|check| matches!(check.verdict, Verdict::Bad { .. })).count()
    }

    /// How many somebody should look at.
    pub fn to_look_at(&self) -> usize {
        self.checks().filter(|check| matches!(check.verdict, Verdict::Look { .. })).count()
    }

    /// Every check.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.groups.iter().flat_map(|group| &group.checks)
    }

    /// For programs.
    ///
    /// # Errors
    /// None that could be mended.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(&json!({
            "bad": self.bad(),
            "look": self.to_look_at(),
            "groups": self.groups,
        }))
    }

    /// For people; with colours where a terminal shows them.
    pub fn text(&self, has_colours: bool) -> String {
        let paint = Paint { has_colours };
        let mut text = String::new();
        for group in &self.groups {
            text.push_str(&format!("{}\n", paint.title(&group.title)));
            for check in &group.checks {
                write_check(&mut text, &paint, check);
            }
            text.push('\n');
        }
        text.push_str(&self.summary(&paint));
        text
    }

    fn summary(&self, paint: &Paint) -> String {
        let bad = match self.bad() {
            0 => paint.good("Everything needed is in place."),
            1 => paint.bad("One thing must be mended."),
            count => paint.bad(&format!("{count} things must be mended.")),
        };
        let look = match self.to_look_at() {
            0 => String::new(),
            1 => " One is worth a look.".to_owned(),
            count => format!(" {count} are worth a look."),
        };
        format!("{bad}{look}")
    }
}

fn write_check(text: &mut String, paint: &Paint, check: &Check) {
    let (mark, why, mends): (String, Option<&String>, &[Mend]) = match &check.verdict {
        Verdict::Good => (paint.good("ok  "), None, &[]),
        Verdict::Look { why, mend } => (paint.look("look"), Some(why), mend),
        Verdict::Bad { why, mend } => (paint.bad("BAD "), Some(why), mend),
    };
    text.push_str(&format!("  {mark}  {}\n", check.what));
    if let Some(why) = why {
        write_words(text, why);
    }
    for mend in mends {
        match mend {
            Mend::Words(words) => write_words(text, &format!("-> {words}")),
            // Never broken: it is there to be copied.
            Mend::Command(command) => {
                text.push_str(&format!("             {}\n", paint.command(command)));
            }
        }
    }
}

/// Words in lines of a width that a terminal shows.
fn write_words(text: &mut String, words: &str) {
    const INDENT: &str = "        ";
    let mut line = String::new();
    for word in words.split(' ') {
        let is_full = line.chars().count() + word.chars().count() + 1 > WIDTH - INDENT.len();
        if is_full && !line.is_empty() {
            text.push_str(&format!("{INDENT}{line}\n"));
            line = if words.starts_with("-> ") { "   ".to_owned() } else { String::new() };
        }
        if !line.is_empty() && !line.ends_with("   ") {
            line.push(' ');
        }
        line.push_str(word);
    }
    text.push_str(&format!("{INDENT}{line}\n"));
}

struct Paint {
    has_colours: bool,
}

impl Paint {
    fn title(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn good(&self, text: &str) -> String {
        self.paint("32", text)
    }

    fn look(&self, text: &str) -> String {
        self.paint("33", text)
    }

    fn bad(&self, text: &str) -> String {
        self.paint("1;31", text)
    }

    fn command(&self, text: &str) -> String {
        self.paint("36", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.has_colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Findings {
        let long = "the account lacks a right there, and so nobody below that place can be helped: \
                    grant it, or take the place out of the subtrees that this agent serves";
        Findings {
            groups: vec![Group {
                title: "Domain DC=x".to_owned(),
                checks: vec![
                    Check::good("rights", "OU=A,DC=x"),
                    Check::look("lockout", "lock-out", "five wrong passwords", Vec::new()),
                    Check::bad(
                        "rights",
                        "OU=B,DC=x",
                        long,
                        vec![
                            Mend::Words(long.to_owned()),
                            Mend::Command(format!("dsacls \"{}\"", "OU=B,".repeat(30))),
                        ],
                    ),
                ],
            }],
        }
    }

    #[test]
    fn words_are_wrapped_and_commands_are_not() {
        let text = findings().text(false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..3], ["Domain DC=x", "  ok    OU=A,DC=x", "  look  lock-out"]);
        for line in lines.iter().filter(|line| !line.contains("dsacls")) {
            assert!(line.chars().count() <= WIDTH && !line.ends_with(' '), "{line:?}");
        }
        let command = lines.iter().find(|line| line.contains("dsacls")).unwrap();
        assert!(command.ends_with("OU=B,\""));
        assert!(text.ends_with("One thing must be mended. One is worth a look."), "{text}");
        assert!(!text.contains('\u{1b}') && findings().text(true).contains("\u{1b}[1;31mBAD"));
    }

    #[test]
    fn programs_get_codes() {
        let json: serde_json::Value = serde_json::from_str(&findings().json().unwrap()).unwrap();
        assert_eq!((&json["bad"], &json["look"]), (&json!(1), &json!(1)));
        let check = &json["groups"][0]["checks"][2];
        assert_eq!((&check["verdict"], &check["code"]), (&json!("bad"), &json!("rights")));
        assert!(check["mend"][1]["command"].as_str().unwrap().starts_with("dsacls"));
    }
}
