//! What became of a write whose answer was lost: found out by reading the same controller, and
//! by one sign-in with the password that was to be set. Never writes.

use std::sync::PoisonError;

use password::NewPassword;
use protocol::directory::{ExternalId, Fence, NotDone, Outcome};

use super::{
    ActiveDirectory,
    account::{self, Values},
    connection::Controller,
    told,
};

impl ActiveDirectory {
    pub(super) async fn try_resolve(
        &self,
        account: &ExternalId,
        password: Option<&NewPassword>,
        fence: &Fence,
    ) -> Result<Outcome, NotDone> {
        let controller = self.controller_of(fence).await?;
        let dn = account::base_of(account).ok_or(NotDone::NoAccount)?;
        let read = controller.read(&dn, account::FENCED).await;
        let (_, entry) = read.map_err(|fault| told(&controller, &fault))?;
        let entry = entry.ok_or(NotDone::NoAccount)?;
        let values = Values::read(&entry);
        Ok(match password {
            None => resolve_unlock(&values, fence),
            Some(password) => {
                self.resolve_reset(&controller, account, &entry.dn, &values, password, fence).await
            }
        })
    }

    async fn resolve_reset(
        &self,
        controller: &Controller,
        account: &ExternalId,
        dn: &str,
        values: &Values,
        password: &NewPassword,
        fence: &Fence,
    ) -> Outcome {
        const REMEMBERED: usize = 256;
        let seen = written_since(values, fence);
        let (Some(1), Some(before)) = (seen, fence.key_version) else {
            return match seen {
                Some(0) => not_written(),
                Some(_) | None => Outcome::NotKnown,
            };
        };
        let attempt = (account.clone(), before);
        let disproved = || self.disproved.lock().unwrap_or_else(PoisonError::into_inner);
        if disproved().contains(&attempt) {
            return Outcome::NotKnown;
        }
        match controller.proves(dn, password.expose()).await {
            Ok(true) => Outcome::Done,
            Ok(false) => {
                let mut disproved = disproved();
                disproved.truncate(REMEMBERED - 1);
                disproved.push_front(attempt);
                Outcome::NotKnown
            }
            Err(_) => Outcome::NotKnown,
        }
    }
}

/// How many passwords were set since the fence was read. `None` when either key version is
/// hidden: then nothing is proved.
fn written_since(values: &Values, fence: &Fence) -> Option<u32> {
    let (now, then) = values.key_version.zip(fence.key_version)?;
    Some(now.wrapping_sub(then))
}

fn not_written() -> Outcome {
    Outcome::NotDone { reason: NotDone::DirectoryUnreachable }
}

fn resolve_unlock(values: &Values, fence: &Fence) -> Outcome {
    if values.is_unlocked() {
        Outcome::Done
    } else if values.lockout_time == fence.lockout_time {
        not_written()
    } else {
        Outcome::NotKnown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_key_version_proves_nothing() {
        let since = |now, then| {
            let values = Values {
                password_last_set: "1".to_owned(),
                lockout_time: String::new(),
                key_version: now,
            };
            let fence = Fence {
                controller: "ldaps://dc1".to_owned(),
                password_last_set: "1".to_owned(),
                lockout_time: String::new(),
                key_version: then,
            };
            written_since(&values, &fence)
        };
        assert_eq!(since(Some(2), Some(2)), Some(0));
        assert_eq!(since(Some(3), Some(2)), Some(1));
        for (now, then) in [(None, None), (None, Some(2)), (Some(0), None), (Some(1), None)] {
            assert_eq!(since(now, then), None, "{now:?} {then:?}");
        }
    }
}
