//! `regain-service device token`, `tokens` and `revoke-token`: what PCs enrol with.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use protocol::{bytes::Bytes, device::FleetToken, id::TenantId};
use recovery::{Span, Timestamp};
use serde_json::{Value, json};
use store::{FleetTokenRow, StoreError};
use uuid::Uuid;

use super::{Of, event, revoke_one};
use crate::{
    audit::Event,
    cli::{Opened, say},
    devices::{TokenWish, make_token, one_line},
    readiness::pcs,
};

/// Longest life of a token, in days.
const MOST_DAYS: u32 = 366;
/// Most devices of one token.
const MOST_DEVICES: u32 = 1_000_000;

#[derive(Args)]
pub(crate) struct Token {
    #[command(flatten)]
    pub(super) of: Of,
    /// For how long it is good, such as 30d or 12h.
    #[arg(long, default_value = "30d", value_parser = parse_life)]
    pub(super) expires: Span,
    /// How many PCs may enrol with it.
    #[arg(long, default_value_t = 1000)]
    pub(super) most: u32,
    /// What it is for, to know it again.
    #[arg(long, default_value = "")]
    pub(super) note: String,
}

#[derive(Args)]
pub(crate) struct Tokens {
    #[command(flatten)]
    pub(super) of: Of,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(crate) struct RevokeToken {
    #[command(flatten)]
    pub(super) of: Of,
    /// Its id, as `device tokens` shows it.
    pub(super) token: String,
    /// Shut out all PCs that came with it as well: it got into wrong hands.
    #[arg(long)]
    pub(super) and_devices: bool,
}

fn parse_life(typed: &str) -> Result<Span, String> {
    let wrong = || format!("write days or hours, such as 30d or 12h, up to {MOST_DAYS}d");
    let unit = typed.chars().last().ok_or_else(wrong)?;
    let number: u32 = typed.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    let hours = match unit {
        'd' => number.checked_mul(24),
        'h' => Some(number),
        _ => None,
    };
    let hours = hours.filter(|hours| (1..=MOST_DAYS * 24).contains(hours)).ok_or_else(wrong)?;
    Ok(Span::hours(i64::from(hours)))
}

impl Token {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut opened = Opened::open(&self.of.config).await?;
        say(&self.make(&mut opened).await?.text())
    }

    pub(super) async fn make(&self, opened: &mut Opened) -> anyhow::Result<FleetToken> {
        if !(1..=MOST_DEVICES).contains(&self.most) {
            bail!("--most must be 1 to {MOST_DEVICES}");
        }
        if self.note.chars().count() > 200 {
            bail!("--note has at most 200 characters");
        }
        let tenant = opened.tenant(&self.of.tenant).await?.id;
        let wish = TokenWish {
            tenant: TenantId(tenant),
            note: one_line(&self.note),
            most: self.most,
            life: self.expires,
        };
        let now = Opened::now();
        let (token, row) = make_token(&opened.keys, &mut opened.rng, wish, now);
        let detail = json!({
            "token": shown_id(row.id),
            "most": row.most,
            "until": row.expires_at.unix_seconds(),
        });
        let event = event(tenant, Event::FleetTokenMade, &detail);
        let made = opened.store.write(move |mut tx| {
            Box::pin(async move {
                tx.add_fleet_token(&row).await?;
                tx.audit(&event, now).await
            })
        });
        made.await.map_err(|error: StoreError| error)?;
        Ok(token)
    }
}

impl Tokens {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.of.config).await?;
        say(&self.text(&opened, Opened::now()).await?)
    }

    pub(super) async fn text(&self, opened: &Opened, now: Timestamp) -> anyhow::Result<String> {
        let tenant = opened.tenant(&self.of.tenant).await?.id;
        let read =
            opened.store.read(move |mut tx| Box::pin(async move { tx.fleet_tokens(tenant).await }));
        let tokens = read.await.map_err(|error: StoreError| error)?;
        if self.json {
            let all: Vec<Value> = tokens.iter().map(|token| token_json(token, now)).collect();
            return Ok(serde_json::to_string_pretty(&all)?);
        }
        if tokens.is_empty() {
            return Ok("There is no fleet token yet: regain-service device token".to_owned());
        }
        Ok(tokens.iter().map(|token| line(token, now)).collect::<Vec<_>>().join("\n"))
    }
}

fn line(token: &FleetTokenRow, now: Timestamp) -> String {
    let state = match state(token, now) {
        "good" => {
            let hours = now.until(token.expires_at).seconds_up().div_ceil(3600);
            let left =
                if hours > 48 { format!("{} days", hours / 24) } else { format!("{hours} h") };
            format!("good for another {left}")
        }
        other => other.replace('-', " "),
    };
    let (id, used, most) = (shown_id(token.id), token.used, token.most);
    let note = if token.note.is_empty() { "-" } else { &token.note };
    format!("{id}\t{state}\t{used} of {most} PCs\t{note}")
}

fn state(token: &FleetTokenRow, now: Timestamp) -> &'static str {
    if token.revoked_at.is_some() {
        "revoked"
    } else if token.expires_at <= now {
        "expired"
    } else if token.used >= token.most {
        "used-up"
    } else {
        "good"
    }
}

fn token_json(token: &FleetTokenRow, now: Timestamp) -> Value {
    json!({
        "id": shown_id(token.id),
        "state": state(token, now),
        "note": token.note,
        "used": token.used,
        "most": token.most,
        "made": token.created_at.unix_seconds(),
        "until": token.expires_at.unix_seconds(),
    })
}

/// The id as the token's text begins with, so that who has the token can find it.
pub(super) fn shown_id(id: Uuid) -> String {
    Bytes::encode(id.as_bytes())
}

impl RevokeToken {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.of.config).await?;
        say(&self.revoke(&opened).await?)
    }

    pub(super) async fn revoke(&self, opened: &Opened) -> anyhow::Result<String> {
        let tenant = opened.tenant(&self.of.tenant).await?.id;
        // The whole token does as well; its secret is not looked at.
        let typed = self.token.split('.').next().unwrap_or_default().trim();
        let id = Bytes::decode(typed).and_then(|bytes| Uuid::from_slice(&bytes).ok());
        let id =
            id.context("that is no id of a fleet token: see `regain-service device tokens`")?;
        let (now, and_devices) = (Opened::now(), self.and_devices);
        let revoked = opened.store.write(move |mut tx| {
            Box::pin(async move {
                let Some(token) = tx.fleet_token(tenant, id).await? else {
                    return Ok::<_, StoreError>(None);
                };
                if tx.revoke_fleet_token(tenant, id, now).await? {
                    let detail = json!({ "token": shown_id(id) });
                    tx.audit(&event(tenant, Event::FleetTokenRevoked, &detail), now).await?;
                }
                let mut shut_out = 0;
                for device in tx.devices(tenant).await? {
                    if and_devices && device.fleet_token == id && device.revoked_at.is_none() {
                        revoke_one(&mut tx, &device, now).await?;
                        shut_out += 1;
                    }
                }
                Ok(Some((token, shut_out)))
            })
        });
        let Some((token, shut_out)) = revoked.await? else {
            bail!("there is no such fleet token: see `regain-service device tokens`");
        };
        let came = usize::try_from(token.used).unwrap_or_default();
        let (count, one, several) = if self.and_devices {
            (shut_out, "is shut out", "are shut out")
        } else {
            (came, "stays", "stay")
        };
        let become_of = if count == 1 { one } else { several };
        let pcs = pcs(count);
        Ok(format!("Nobody enrols with it any more. {pcs} that came with it {become_of}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_days_or_hours() {
        assert_eq!(parse_life("30d"), Ok(Span::hours(720)));
        assert_eq!(parse_life("12h"), Ok(Span::hours(12)));
        for wrong in ["", "d", "30", "0d", "367d", "-1d", "3w", "99999999999d"] {
            assert!(parse_life(wrong).is_err(), "{wrong}");
        }
    }
}
