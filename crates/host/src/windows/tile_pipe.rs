//! The pipe that the tile comes in by: who may, and what becomes of a connection.

use std::{
    io::{self, Read, Write},
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

use os_windows::{
    access::{Sid, this_user},
    pipe::{Event, Pipe, Server},
    process,
};
use protocol::host::tile;

use crate::{
    events::{self, Details},
    name,
    serve::Host,
};

/// For a tile that does not read.
const SLOW: Duration = Duration::from_secs(3);
/// For a first word.
const FIRST: Duration = Duration::from_secs(2);
/// Before the name is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Serves tiles until `stop` happened. `screen` is the only program that may be one.
pub(super) fn listen(host: &Arc<Host>, screen: &Path, stop: &Event) {
    let Some(server) = bind(host, stop) else { return };
    loop {
        match server.accept(stop) {
            Ok(None) => return,
            Ok(Some(pipe)) => {
                let (host, screen) = (Arc::clone(host), screen.to_owned());
                thread::spawn(move || serve(&host, pipe, &screen));
            }
            Err(error) => {
                tracing::warn!("the tile's pipe: {error}");
                if stop.wait(AGAIN) {
                    return;
                }
            }
        }
    }
}

/// Somebody else may have the name: then there is no tile until they let it go.
fn bind(host: &Host, stop: &Event) -> Option<Server> {
    let take = || {
        let trusted = [Sid::system(), this_user()?];
        Server::bind(tile::PIPE, &trusted)
    };
    name::take(take, || stop.wait(AGAIN), |event, details| host.note(event, details))
}

/// The list of the pipe lets in the system alone; that it is the sign-in screen as well is the
/// second line.
fn trusted_session(pipe: &Pipe, screen: &Path) -> io::Result<u32> {
    let client = pipe.client()?;
    let program = process::program_of(client.process)?;
    let is_it = program.as_os_str().eq_ignore_ascii_case(screen.as_os_str());
    if is_it {
        Ok(client.session)
    } else {
        let words = format!("{} is not the sign-in screen", program.display());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, words))
    }
}

fn serve(host: &Arc<Host>, pipe: Pipe, screen: &Path) {
    let session = match trusted_session(&pipe, screen) {
        Ok(session) => session,
        Err(error) => return host.note(events::Event::TurnedAway, &Details::none().cause(&error)),
    };
    let pipe = Arc::new(pipe);
    let reader = Tile { pipe: Arc::clone(&pipe), first: true };
    let writer = Tile { pipe: Arc::clone(&pipe), first: false };
    host.serve_tile(Box::new(reader), Box::new(writer), Some(session));
    pipe.close();
}

struct Tile {
    pipe: Arc<Pipe>,
    /// Whoever connects says something soon; later the person has all the time.
    first: bool,
}

impl Read for Tile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let within = std::mem::take(&mut self.first).then_some(FIRST);
        self.pipe.read(buffer, within)
    }
}

impl Write for Tile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pipe.write_all(bytes, Some(SLOW))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
