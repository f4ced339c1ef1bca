//! A sign-in screen that is played, on Windows: opens the host's pipe and says what the argument
//! names; prints what comes back. For tests alone.

#[cfg(not(windows))]
fn main() {}

#[cfg(windows)]
fn main() {
    use std::io::Write as _;

    let act = std::env::args().nth(1).unwrap_or_default();
    let said = match played::play(&act) {
        Ok(said) => said,
        Err(error) => format!("error {:?}", error.kind()),
    };
    let _ = writeln!(std::io::stdout(), "{said}");
}

#[cfg(windows)]
mod played {
    use std::{io, time::Duration};

    use os_windows::pipe::{Pipe, connect};
    use protocol::host::{
        Text, read_from,
        tile::{Ask, Form, PIPE, Scenario, Tell, Way},
        write_to,
    };

    const PATIENCE: Duration = Duration::from_secs(10);

    pub(super) fn play(act: &str) -> io::Result<String> {
        let pipe = connect(PIPE, Duration::from_millis(250))?;
        match act {
            "hello" => hello(&pipe),
            "another-session" => {
                say_hello(&pipe, session(&pipe)? + 1)?;
                hear(&pipe)
            }
            "start" => start(&pipe),
            "garbage" => {
                pipe.write_all(&[0xFF; 32], Some(PATIENCE))?;
                hear(&pipe)
            }
            "oversize" => {
                pipe.write_all(&4095_u16.to_le_bytes(), Some(PATIENCE))?;
                hear(&pipe)
            }
            "another-version" => {
                pipe.write_all(&[3, 0, 2, 1, 3], Some(PATIENCE))?;
                hear(&pipe)
            }
            "out-of-turn" => {
                write_to(&mut pipe.within(Some(PATIENCE)), &Ask::TakeGrant)?;
                hear(&pipe)
            }
            // Connects and never says a word.
            "silent" => hear(&pipe),
            _ => Ok("an unknown act".to_owned()),
        }
    }

    fn session(_: &Pipe) -> io::Result<u32> {
        // Wine has one session; what it calls it is what the host sees.
        std::env::var("REGAIN_SESSION").map_or(Ok(1), |text| text.parse().map_err(io::Error::other))
    }

    fn say_hello(pipe: &Pipe, session: u32) -> io::Result<()> {
        let hello = Ask::Hello { scenario: Scenario::Logon, session, language: Text::cut("de-DE") };
        write_to(&mut pipe.within(Some(PATIENCE)), &hello)
    }

    fn hello(pipe: &Pipe) -> io::Result<String> {
        say_hello(pipe, session(pipe)?)?;
        hear(pipe)
    }

    fn start(pipe: &Pipe) -> io::Result<String> {
        let greeted = hello(pipe)?;
        let start = Ask::Start {
            who: None,
            session: session(pipe)?,
            scenario: Scenario::Logon,
            way: Way::CannotSignIn,
            form: Form::Simple,
        };
        write_to(&mut pipe.within(Some(PATIENCE)), &start)?;
        let mut all = vec![greeted];
        loop {
            all.push(hear(pipe)?);
            let is_last = |said: &String| {
                ["end", "refused", "closed"].iter().any(|word| said.starts_with(word))
            };
            if all.last().is_some_and(is_last) {
                return Ok(all.join("; "));
            }
        }
    }

    fn hear(pipe: &Pipe) -> io::Result<String> {
        let told = read_from::<Tell>(&mut pipe.within(Some(PATIENCE)))?;
        Ok(match told {
            None => "closed".to_owned(),
            Some(Tell::Tile(tile)) => format!("tile {}", tile.label.as_str()),
            Some(Tell::NotHere(reason)) => format!("not here {reason:?}"),
            Some(Tell::Status(words)) => format!("status {}", words.as_str()),
            Some(Tell::View(view)) => format!("view {}", view.title.as_str()),
            Some(Tell::Refused { words }) => format!("refused {}", words.as_str()),
            Some(Tell::End { outcome, .. }) => format!("end {outcome:?}"),
            Some(Tell::Grant(_)) => "grant".to_owned(),
            Some(Tell::NoGrant) => "no grant".to_owned(),
            Some(Tell::Foreground { .. }) => "foreground".to_owned(),
        })
    }
}
