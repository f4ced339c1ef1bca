//! Looks at the processes of an account, and runs commands that leave others behind, on Windows;
//! prints what it saw. For tests alone.

#[cfg(not(windows))]
fn main() {}

#[cfg(windows)]
fn main() {
    use std::io::Write as _;

    let act = std::env::args().nth(1).unwrap_or_default();
    let said = match played::play(&act) {
        Ok(said) => said,
        Err(error) => format!("error {error}"),
    };
    let _ = writeln!(std::io::stdout(), "{said}");
}

#[cfg(windows)]
mod played {
    use std::{io, process::Command, time::Duration};

    use os_windows::{
        access::{Sid, this_user},
        command::CommandLine,
        process::{all_of, program_of, run_command},
    };

    const PATIENCE: Duration = Duration::from_secs(10);

    pub(super) fn play(act: &str) -> io::Result<String> {
        let me = std::env::current_exe()?;
        let command = |act: &str| {
            CommandLine::parse(&format!("\"{}\" {act}", me.display())).map_err(io::Error::other)
        };
        match act {
            "stay" => loop {
                std::thread::park_timeout(PATIENCE);
            },
            // Leaves one behind and stays, or ends.
            "leave-and-stay" => {
                Command::new(&me).arg("stay").spawn()?;
                std::thread::park_timeout(Duration::from_secs(600));
                Ok(String::new())
            }
            "leave" => Command::new(&me).arg("stay").spawn().map(|_| String::new()),
            "look" => look(&me),
            "too-long" => {
                let ended = run_command(&command("leave-and-stay")?, Duration::from_secs(3))?;
                Ok(format!("{ended:?}, {} left", others()?))
            }
            "in-time" => {
                let ended = run_command(&command("leave")?, Duration::from_secs(60))?;
                let left = others()?;
                end_others()?;
                Ok(format!("{ended:?}, {left} left"))
            }
            _ => Ok("an unknown act".to_owned()),
        }
    }

    /// Whether an account's processes are found, and can be ended.
    fn look(me: &std::path::Path) -> io::Result<String> {
        let who = this_user()?;
        let mut child = Command::new(me).arg("stay").spawn()?;
        let has = |id| Ok::<_, io::Error>(all_of(&who)?.iter().any(|process| process.id == id));
        let (own, theirs) = (has(std::process::id())?, has(child.id())?);
        let strangers = all_of(&Sid::system())?.iter().any(|it| it.id == child.id());
        end_others()?;
        let _ = child.wait();
        // Its handle is still held here: it is none any more all the same.
        Ok(format!("own {own}, theirs {theirs}, strangers {strangers}, after {}", has(child.id())?))
    }

    /// How many run this program beside this process.
    fn others() -> io::Result<usize> {
        Ok(of_others()?.len())
    }

    fn end_others() -> io::Result<()> {
        for process in of_others()? {
            process.end();
            let _ = process.wait(PATIENCE);
        }
        Ok(())
    }

    fn of_others() -> io::Result<Vec<os_windows::process::Started>> {
        let me = std::env::current_exe()?;
        let is_other = |it: &os_windows::process::Started| {
            it.id != std::process::id()
                && program_of(it.id)
                    .is_ok_and(|program| program.as_os_str().eq_ignore_ascii_case(me.as_os_str()))
        };
        Ok(all_of(&this_user()?)?.into_iter().filter(is_other).collect())
    }
}
