//! A command as an administrator writes it: the program's whole path, then whatever it is called
//! with. Taken apart in one way alone: Windows itself would try several programs for a path with
//! blanks and no quotation marks, and run the first that is there.

use std::path::Path;

/// A program and what it is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    program: String,
    rest: String,
}

/// What Windows runs by itself.
const PROGRAMS: [&str; 4] = ["exe", "com", "cmd", "bat"];

impl CommandLine {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong, in words for whoever wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (program, rest) = match text.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or("has only one quotation mark")?,
            None => text.split_once(' ').unwrap_or((text, "")),
        };
        if !rest.is_empty() && !rest.starts_with(' ') && text.starts_with('"') {
            return Err("goes on right after the second quotation mark".to_owned());
        }
        // Written for Windows, read anywhere.
        let is_whole = matches!(program.as_bytes(), [drive, b':', b'\\', _, ..]
            if drive.is_ascii_alphabetic());
        let name = program.rsplit('\\').next().unwrap_or_default();
        let extension = Path::new(name).extension().and_then(|it| it.to_str());
        let is_program =
            extension.is_some_and(|it| PROGRAMS.iter().any(|known| it.eq_ignore_ascii_case(known)));
        if is_whole && is_program {
            return Ok(Self { program: program.to_owned(), rest: rest.trim().to_owned() });
        }
        let has_blanks = !text.starts_with('"') && text.contains(' ');
        let hint = if has_blanks { "; a path with spaces stands in quotation marks" } else { "" };
        Err(format!("{program} is not the full path of a program (.exe, .com, .cmd, .bat){hint}"))
    }

    /// The program.
    pub fn program(&self) -> &Path {
        Path::new(&self.program)
    }

    /// What it is called with, as it was written.
    pub fn rest(&self) -> &str {
        &self.rest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Result<(String, String), String> {
        CommandLine::parse(text).map(|line| (line.program, line.rest))
    }

    #[test]
    fn a_path_with_blanks_needs_its_quotation_marks() {
        let is = |program: &str, rest: &str| Ok((program.to_owned(), rest.to_owned()));
        let with_blanks = r"C:\Program Files\Example VPN\connect.exe";
        assert_eq!(
            parsed(&format!(r#" "{with_blanks}" --machine "a b" "#)),
            is(with_blanks, r#"--machine "a b""#)
        );
        assert_eq!(parsed(&format!("\"{with_blanks}\"")), is(with_blanks, ""));
        assert_eq!(
            parsed(r"C:\Windows\System32\rasdial.EXE Office"),
            is(r"C:\Windows\System32\rasdial.EXE", "Office")
        );
        let words = parsed(&format!("{with_blanks} --machine")).unwrap_err();
        assert!(words.starts_with(r"C:\Program is not the full path"), "{words}");
        assert!(words.contains("in quotation marks"), "{words}");
    }

    #[test]
    fn what_names_no_program_is_refused() {
        for text in [
            "",
            "\"",
            "rasdial Office",
            r#""C:\vpn.exe"#,
            r#""C:\vpn.exe"x"#,
            r"C:\vpn.ps1",
            r"C:\",
            r"\\server\share\vpn.exe",
            r"\vpn.exe",
            r"C:vpn.exe",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_what_was_written(text in "\\PC{0,60}|[\"C:\\\\ .exe]{0,30}") {
            if let Ok(line) = CommandLine::parse(&text) {
                prop_assert!(text.contains(&line.program) && text.contains(&line.rest));
                prop_assert!(!line.program.contains('"'));
                // A program with blanks was in quotation marks.
                prop_assert!(!line.program.contains(' ') || text.trim().starts_with('"'));
            }
        }
    }
}
