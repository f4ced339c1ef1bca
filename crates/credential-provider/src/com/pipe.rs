//! The pipe to the host, and that it is the host who listens there.

use std::{
    io::{self, ErrorKind},
    time::Duration,
};

use os_windows::pipe::{Pipe, connect};
use protocol::host::{
    FrameError, decode, encode, length_of_rest,
    tile::{Ask, PIPE, Tell},
};
use zeroize::Zeroizing;

use super::system;
use crate::host::{Channel, Host};

/// The service that has the pipe.
const SERVICE: &str = "regain-host";
/// Once a frame has begun, the rest of its 4 KiB is there.
const REST: Duration = Duration::from_secs(1);

/// The host of this machine.
pub(super) struct OfMachine;

impl Host for OfMachine {
    fn open(&self, within: Duration) -> io::Result<Box<dyn Channel>> {
        let until = system::now() + within;
        let pipe = connect(PIPE, within)?;
        // Whoever is not the system cannot have made it, but asking costs nothing.
        let server = pipe.server_process()?;
        if os_windows::service::process_of(SERVICE)? != Some(server) {
            return Err(io::Error::new(ErrorKind::PermissionDenied, "the pipe is not the host's"));
        }
        if system::now() > until {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(Box::new(Connection { pipe }))
    }
}

struct Connection {
    pipe: Pipe,
}

impl Channel for Connection {
    fn send(&mut self, ask: &Ask, within: Duration) -> io::Result<()> {
        self.pipe.write_all(&encode(ask).map_err(invalid)?, Some(within))
    }

    fn receive(&mut self, within: Duration) -> io::Result<Option<Tell>> {
        let mut length = [0; 2];
        let (first, second) = length.split_at_mut(1);
        match self.pipe.read(first, Some(within)) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(None),
            Err(error) => return Err(error),
        }
        self.fill(second)?;
        let mut rest = Zeroizing::new(vec![0; length_of_rest(length).map_err(invalid)?]);
        self.fill(&mut rest)?;
        decode(&rest).map(Some).map_err(invalid)
    }
}

impl Connection {
    fn fill(&self, mut room: &mut [u8]) -> io::Result<()> {
        while !room.is_empty() {
            let read = self.pipe.read(room, Some(REST))?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            room = room.get_mut(read..).unwrap_or_default();
        }
        Ok(())
    }
}

fn invalid(error: FrameError) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}
