//! The host for stories of the tile: a service of the same name on the same pipe, that speaks
//! the same frames and does what a file says. What it hears goes into another file.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    time::Duration,
};

use anyhow::{Result, ensure};
use os_windows::{
    access::Sid,
    pipe::{Event, Pipe, Server},
    service,
};
use protocol::host::{
    Few, SecretText, Text, read_from,
    tile::{Ask, Field, Form, Grant, Outcome, PIPE, Tell, Tile, View},
    write_to,
};
use zeroize::Zeroizing;

pub(crate) const NAME: &str = "regain-host";
/// The app's process, where it shows.
pub(crate) const SHOWN: u32 = 4242;
const MODE: &str = r"C:\host-mode";
const HEARD: &str = r"C:\host-heard";

/// Is the service.
pub(crate) fn serve() -> Result<()> {
    service::run(NAME, |stop| {
        let over = std::sync::Arc::new(Event::new().unwrap());
        let told = over.clone();
        std::thread::spawn(move || {
            let _ = stop.recv();
            told.set();
        });
        listen(&over).is_ok()
    })?;
    Ok(())
}

/// Takes the pipe's name, as the host or as somebody who is not.
pub(crate) fn listen(stop: &Event) -> Result<()> {
    let server = Server::bind(PIPE, &[Sid::system(), Sid::administrators()])?;
    loop {
        match server.accept(stop) {
            Ok(Some(pipe)) => {
                // A tile that went away is no fault.
                std::thread::spawn(move || converse(&pipe));
            }
            Ok(None) => return Ok(()),
            // All instances are taken: one of them ends.
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// What the next conversations are like.
pub(crate) fn play(mode: &str) -> Result<()> {
    let _ = fs::remove_file(HEARD);
    Ok(fs::write(MODE, mode)?)
}

/// What was heard so far.
pub(crate) fn heard() -> String {
    fs::read_to_string(HEARD).unwrap_or_default()
}

fn note(line: &str) -> Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(HEARD)?;
    Ok(writeln!(file, "{line}")?)
}

fn converse(pipe: &Pipe) -> Result<()> {
    let mode = fs::read_to_string(MODE).unwrap_or_default();
    let mut pipe = pipe.within(Some(Duration::from_secs(60)));
    let hello = read_from::<Ask>(&mut pipe)?;
    ensure!(matches!(hello, Some(Ask::Hello { .. })), "no hello");
    match mode.as_str() {
        // Until the tile gives up.
        "hung" => return Ok(read_from::<Ask>(&mut pipe).map(drop)?),
        "slow" => std::thread::sleep(Duration::from_millis(120)),
        "rubbish" => {
            std::io::Write::write_all(&mut pipe, &[255; 4096])?;
            return Ok(read_from::<Ask>(&mut pipe).map(drop)?);
        }
        _ => {}
    }
    write_to(&mut pipe, &Tell::Tile(tile()))?;
    let Some(Ask::Start { who, form, way, .. }) = read_from(&mut pipe)? else {
        return Ok(());
    };
    let who = who.as_ref().map_or("nobody", |sid| sid.as_str());
    note(&format!("start {who} {form:?} {way:?}"))?;
    let talk = match (mode.as_str(), form) {
        ("refuse", _) => Ok(write_to(&mut pipe, &Tell::Refused { words: Text::cut("Not now.") })?),
        ("dies", _) => Ok(()),
        ("chatty", _) => chat(&mut pipe),
        (_, Form::Simple) => show_a_page(&mut pipe),
        ("stays", Form::Full) => stay(&mut pipe),
        ("shows", Form::Full) => show(&mut pipe),
        ("grants", Form::Full) => grant(&mut pipe),
        (_, Form::Full) => do_it(&mut pipe),
    };
    if let Err(error) = &talk {
        note(&format!("broke {error}"))?;
    }
    talk
}

type Talk<'a> = os_windows::pipe::Timed<'a>;

fn do_it(pipe: &mut Talk<'_>) -> Result<()> {
    write_to(pipe, &Tell::Status(Text::cut("The window is in front.")))?;
    end(pipe, Outcome::Done, "Your account is unlocked.", false)
}

fn stay(pipe: &mut Talk<'_>) -> Result<()> {
    write_to(pipe, &Tell::Status(Text::cut("The window is in front.")))?;
    match read_from(pipe)? {
        Some(Ask::Cancel) => note("cancel"),
        None => note("gone"),
        Some(_) => note("something else"),
    }
}

/// The app is about to show, and then is drawn.
fn show(pipe: &mut Talk<'_>) -> Result<()> {
    write_to(pipe, &Tell::Foreground { process: SHOWN })?;
    stay(pipe)
}

fn chat(pipe: &mut Talk<'_>) -> Result<()> {
    for number in 0..300 {
        write_to(pipe, &Tell::Status(Text::cut(&format!("Status {number}"))))?;
    }
    Ok(())
}

fn show_a_page(pipe: &mut Talk<'_>) -> Result<()> {
    let field = |label, covered| Field { label: Text::cut(label), covered, typed: Text::cut("") };
    let view = View {
        number: 7,
        title: Text::cut("Who are you?"),
        text: Text::cut("Type your user ID and the code."),
        fields: Few::new(vec![field("User ID", false), field("Code", true)]).unwrap(),
        choices: Few::new(vec![Text::cut("Continue"), Text::cut("Send another")]).unwrap(),
    };
    write_to(pipe, &Tell::View(view.clone()))?;
    match read_from(pipe)? {
        Some(Ask::Answer(answer)) => {
            ensure!(answer.fits(&view), "an answer to something else");
            let typed: Vec<_> = answer.typed.as_slice().iter().map(SecretText::expose).collect();
            note(&format!("answer {} {}", answer.choice, typed.join(" ")))?;
            end(pipe, Outcome::NotDone, "That was wrong.", false)
        }
        Some(Ask::Cancel) | None => note("cancel"),
        Some(_) => note("something else"),
    }
}

fn grant(pipe: &mut Talk<'_>) -> Result<()> {
    end(pipe, Outcome::Done, "Your password is set.", true)?;
    ensure!(matches!(read_from(pipe)?, Some(Ask::TakeGrant)), "it was not taken");
    let grant = Grant {
        user: Text::cut("ann"),
        domain: Text::cut("AD"),
        password: SecretText::new(Zeroizing::new("Grün-7".to_owned())).unwrap(),
    };
    write_to(pipe, &Tell::Grant(grant))?;
    match read_from(pipe)? {
        Some(Ask::LogonResult { signed_in }) => note(&format!("signed in: {signed_in}")),
        Some(_) | None => note("no result"),
    }
}

fn end(pipe: &mut Talk<'_>, outcome: Outcome, words: &str, grant: bool) -> Result<()> {
    Ok(write_to(pipe, &Tell::End { outcome, words: Text::cut(words), grant })?)
}

fn tile() -> Tile {
    Tile {
        label: Text::cut("Locked out of Example?"),
        open: Text::cut("Get help"),
        first_day: Text::cut("First day? Set your password"),
        simple: Text::cut("Use the simple form"),
        go_on: Text::cut("Continue"),
        cancel: Text::cut("Cancel"),
        opening: Text::cut("Opening. This takes about 5 seconds."),
        failed: Text::cut("This is not available right now."),
        help: Text::cut("Call 1234."),
        picture: None,
        other_user: true,
        offer_first_day: true,
    }
}
