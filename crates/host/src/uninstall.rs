//! Taking everything away again: what cannot be taken now is named at the end, and the rest goes.

use std::{fmt, io};

/// One thing that is taken away.
pub struct Step<'a> {
    what: &'static str,
    take: Box<dyn FnMut() -> io::Result<()> + 'a>,
}

impl<'a> Step<'a> {
    /// What it is, to stand before "stays:", and what takes it away. One that is gone already is
    /// no failure.
    pub fn new(what: &'static str, take: impl FnMut() -> io::Result<()> + 'a) -> Self {
        Self { what, take: Box::new(take) }
    }
}

/// Something that stayed.
#[derive(Debug)]
pub struct Left {
    /// What.
    pub what: &'static str,
    /// Why.
    pub why: io::Error,
}

impl fmt::Display for Left {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} stays: {}", self.what, self.why)
    }
}

/// Takes one thing after the other, whatever becomes of the one before: what stayed.
pub fn all(steps: Vec<Step<'_>>) -> Vec<Left> {
    let take = |mut step: Step<'_>| {
        let why = (step.take)().err()?;
        Some(Left { what: step.what, why })
    };
    steps.into_iter().filter_map(take).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn what_cannot_be_taken_keeps_nothing_else_and_is_named() {
        let taken = RefCell::new(Vec::new());
        let step = |what, works: bool| {
            let taken = &taken;
            Step::new(what, move || {
                taken.borrow_mut().push(what);
                if works { Ok(()) } else { Err(io::Error::other("in use")) }
            })
        };
        let left = all(vec![step("a", true), step("b", false), step("c", true), step("d", false)]);
        assert_eq!(*taken.borrow(), ["a", "b", "c", "d"]);
        let said: Vec<String> = left.iter().map(Left::to_string).collect();
        assert_eq!(said, ["b stays: in use", "d stays: in use"]);
    }
}
