//! The host's own folder, as Windows knows owners and access lists.

use std::{io, path::Path};

use anyhow::{Context as _, Result};
use os_windows::access::{self, Sid, this_user};

use super::{folder, service::word};
use crate::{
    events::{Details, Event, Sink, write},
    takeover::{self, Found, Kind, Owners, Seen},
};

/// Makes it ours, whatever stands there.
///
/// # Errors
/// When that cannot be done; then nothing may be kept there.
pub(super) fn take_over(random: &mut rand::rngs::StdRng, events: &dyn Sink) -> Result<()> {
    let folder = folder()?;
    let trusted = Trusted(vec![Sid::system(), Sid::administrators(), this_user()?]);
    let aside = || {
        let mut name = folder.as_os_str().to_owned();
        name.push(format!(".moved-{:032x}", word(random)));
        name.into()
    };
    let found = takeover::take_over(&folder, &trusted, aside);
    let found = found.with_context(|| folder.display().to_string())?;
    for thing in found {
        let details = match thing {
            Found::Moved(to) => Details::none().with("to", &to.display()),
            Found::Removed(what) => Details::none().with("removed", &what.display()),
        };
        write(events, Event::FolderMoved, &details);
    }
    Ok(())
}

/// Takes it away, with all that is in it. A link in its place goes alone.
///
/// # Errors
/// When Windows refuses; most often because something in it is in use.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    let ours = Trusted(vec![Sid::system(), Sid::administrators()]);
    match ours.see(folder)? {
        Some(seen) => takeover::remove(folder, seen.kind),
        None => Ok(()),
    }
}

/// Those who may own what is ours.
struct Trusted(Vec<Sid>);

impl Owners for Trusted {
    fn see(&self, path: &Path) -> io::Result<Option<Seen>> {
        let Some(is) = access::standing(path, &self.0)? else { return Ok(None) };
        let kind = match (is.is_link, is.is_folder) {
            (true, _) => Kind::Elsewhere,
            (false, true) => Kind::Folder,
            (false, false) if is.names == 1 => Kind::File,
            (false, false) => Kind::Elsewhere,
        };
        Ok(Some(Seen { kind, is_ours: is.is_owned }))
    }

    fn make(&self, path: &Path) -> io::Result<()> {
        access::make_folder(path, &self.0)
    }

    fn shut(&self, path: &Path) -> io::Result<()> {
        access::shut_folder(path, &self.0)
    }
}
