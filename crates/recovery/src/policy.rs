//! What a tenant demands and allows.

use serde::{Deserialize, Serialize};

use crate::{Span, StageName};

/// A way to prove who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// A code by mail to an address on file.
    Email,
}

impl Method {
    /// The stage in which it is proved.
    pub const fn stage(self) -> StageName {
        match self {
            Self::Email => StageName::EnterCode,
        }
    }
}

/// A tenant's policy. Every field has a default that is the recommended value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// How many gates must be passed: 1 or 2, each with a method of its own.
    pub gates: u8,
    /// The methods that count.
    pub methods: Vec<Method>,
    /// For how many minutes a mailed code is good: 5 to 15.
    pub email_code_minutes: u8,
    /// Whether a locked account may be unlocked without a new password.
    pub unlock: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { gates: 1, methods: vec![Method::Email], email_code_minutes: 10, unlock: true }
    }
}

/// Why a policy cannot be put in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyMistake {
    /// Fewer than one gate or more than two.
    #[error("`gates` must be 1 or 2")]
    Gates,
    /// Not enough different methods for the gates.
    #[error("`methods` must name at least as many different methods as there are gates")]
    Methods,
    /// Outside 5 to 15.
    #[error("`email_code_minutes` must be 5 to 15")]
    EmailCodeMinutes,
}

impl Policy {
    /// Whether the policy can be put in force.
    ///
    /// # Errors
    /// The first mistake.
    pub fn check(&self) -> Result<(), PolicyMistake> {
        let mut methods = self.methods.clone();
        methods.sort_unstable();
        methods.dedup();
        if !(1..=2).contains(&self.gates) {
            return Err(PolicyMistake::Gates);
        }
        if methods.len() < usize::from(self.gates) {
            return Err(PolicyMistake::Methods);
        }
        if !(5..=15).contains(&self.email_code_minutes) {
            return Err(PolicyMistake::EmailCodeMinutes);
        }
        Ok(())
    }

    /// How long a code of `method` is good.
    pub fn code_life(&self, method: Method) -> Span {
        match method {
            Method::Email => Span::minutes(i64::from(self.email_code_minutes)),
        }
    }

    /// What holds for a recovery begun under `self` when `now` is in force: each demand the
    /// harder, each permission only if both give it (catalogue FLOW-03).
    #[must_use]
    pub fn stricter(&self, now: &Self) -> Self {
        Self {
            gates: self.gates.max(now.gates),
            methods: self.methods.iter().copied().filter(|m| now.methods.contains(m)).collect(),
            email_code_minutes: self.email_code_minutes.min(now.email_code_minutes),
            unlock: self.unlock && now.unlock,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_nobody_could_pass_is_refused() {
        assert_eq!(Policy::default().check(), Ok(()));
        let two_gates = Policy { gates: 2, ..Policy::default() };
        assert_eq!(two_gates.check(), Err(PolicyMistake::Methods));
        let no_gate = Policy { gates: 0, ..Policy::default() };
        assert_eq!(no_gate.check(), Err(PolicyMistake::Gates));
        let long = Policy { email_code_minutes: 16, ..Policy::default() };
        assert_eq!(long.check(), Err(PolicyMistake::EmailCodeMinutes));
    }

    #[test]
    fn the_stricter_of_two_policies_takes_the_harder_half_of_each() {
        let lax = Policy::default();
        let hard =
            Policy { gates: 2, methods: vec![Method::Email], email_code_minutes: 5, unlock: false };
        let both = lax.stricter(&hard);
        assert_eq!(both, hard.stricter(&lax));
        assert_eq!((both.gates, both.email_code_minutes, both.unlock), (2, 5, false));
    }
}
