//! `regain-service tenant tile`: how the tile on the sign-in screen looks.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;
use store::{AuditEvent, StoreError, TileRow};

use super::super::{ConfigFile, Opened, say};
use crate::audit::Event;

/// Most bytes of a picture.
const MOST_BYTES: usize = 64 * 1024;
/// Points of a picture, each way.
const POINTS: u32 = 128;
/// Most bytes of a label: what the tile has room for.
const MOST_LABEL: usize = 96;
/// Most languages.
const MOST_LANGUAGES: usize = 64;

#[derive(Args)]
pub(crate) struct Tile {
    #[command(flatten)]
    config: ConfigFile,
    /// The organisation's host.
    #[arg(long)]
    host: String,
    /// Its label in a language, such as de="Kein Zugang?"; empty words for the product's own
    /// again. Repeat it for several; other languages stay as they are.
    #[arg(long, value_name = "LANGUAGE=LABEL")]
    label: Vec<String>,
    /// Its picture: a PNG file, 128 by 128 points, at most 64 KiB.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// The product's own picture again.
    #[arg(long, conflicts_with = "picture")]
    no_picture: bool,
}

impl Tile {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let opened = Opened::open(&self.config).await?;
        say(&self.set(&opened).await?)
    }

    async fn set(&self, opened: &Opened) -> anyhow::Result<String> {
        let tenant = opened.tenant(&self.host).await?.id;
        let read = opened.store.read(move |mut tx| Box::pin(async move { tx.tile(tenant).await }));
        let before = read.await.map_err(|error: StoreError| error)?;
        let tile = self.wanted(&before)?;
        let said = words(&tile);
        if tile != before {
            let now = Opened::now();
            let languages: Vec<&String> = tile.labels.keys().collect();
            let detail = json!({ "labels": languages, "picture": tile.picture.is_some() });
            let event = AuditEvent {
                tenant,
                event: Event::TileSet.as_str(),
                case_code: None,
                account: None,
                detail: detail.to_string(),
            };
            let set = opened.store.write(move |mut tx| {
                Box::pin(async move {
                    tx.set_tile(tenant, &tile).await?;
                    tx.audit(&event, now).await
                })
            });
            set.await.map_err(|error: StoreError| error)?;
        }
        Ok(said)
    }

    fn wanted(&self, before: &TileRow) -> anyhow::Result<TileRow> {
        let mut tile = before.clone();
        for label in &self.label {
            let (language, words) = parse_label(label)?;
            if words.is_empty() {
                tile.labels.remove(&language);
            } else {
                tile.labels.insert(language, words);
            }
        }
        if tile.labels.len() > MOST_LANGUAGES {
            bail!("at most {MOST_LANGUAGES} languages");
        }
        if let Some(file) = &self.picture {
            let shown = file.display();
            let bytes = std::fs::read(file).with_context(|| format!("cannot read {shown}"))?;
            check_picture(&bytes).with_context(|| format!("{shown} cannot be the picture"))?;
            tile.picture = Some(bytes);
        } else if self.no_picture {
            tile.picture = None;
        }
        Ok(tile)
    }
}

fn parse_label(typed: &str) -> anyhow::Result<(String, String)> {
    let Some((language, words)) = typed.split_once('=') else {
        bail!("--label {typed}: write LANGUAGE=LABEL, such as de=\"Kein Zugang?\"");
    };
    let (language, words) = (language.trim().to_lowercase(), words.trim());
    let is_subtag = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let primary = language.split('-').next().unwrap_or_default();
    if !language.split('-').all(is_subtag) || primary.len() < 2 || language.len() > 35 {
        bail!("--label {typed}: `{language}` is no language such as de or de-at");
    }
    if words.len() > MOST_LABEL || words.chars().any(char::is_control) {
        bail!("--label {typed}: at most {MOST_LABEL} bytes on one line");
    }
    Ok((language, words.to_owned()))
}

/// Whether it is a PNG file of the size the tile has: its parts one after the other, from the
/// head to the end. What is in them the app looks at, without privileges.
fn check_picture(bytes: &[u8]) -> anyhow::Result<()> {
    if bytes.len() > MOST_BYTES {
        bail!("it has {} bytes; at most {MOST_BYTES} are taken", bytes.len());
    }
    let Some(mut rest) = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n") else {
        bail!("it is no PNG file");
    };
    let mut kinds = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (Some(kind), Some(content)) = (after.get(..4), after.get(4..)) else { break };
        // Four bytes of a check sum follow.
        let whole = length.checked_add(4).filter(|whole| *whole <= content.len());
        let Some(whole) = whole else { break };
        if kinds.is_empty() {
            check_head(kind, content.get(..length).unwrap_or_default())?;
        }
        kinds.push(kind);
        rest = content.get(whole..).unwrap_or_default();
    }
    let is_whole = rest.is_empty()
        && kinds.last().is_some_and(|kind| *kind == b"IEND")
        && kinds.iter().filter(|kind| **kind == b"IEND").count() == 1
        && kinds.contains(&b"IDAT".as_slice());
    if is_whole {
        Ok(())
    } else {
        bail!("it is a PNG file that is cut off or goes on past its end")
    }
}

fn check_head(kind: &[u8], content: &[u8]) -> anyhow::Result<()> {
    let number = |at: usize| {
        let bytes = content.get(at..at + 4)?;
        bytes.try_into().ok().map(u32::from_be_bytes)
    };
    let (Some(width), Some(height)) = (number(0), number(4)) else {
        bail!("it is no PNG file");
    };
    if kind != b"IHDR" || content.len() != 13 {
        bail!("it is no PNG file");
    }
    if (width, height) != (POINTS, POINTS) {
        bail!("it has {width} by {height} points; it must have {POINTS} by {POINTS}");
    }
    Ok(())
}

fn words(tile: &TileRow) -> String {
    let mut lines: Vec<String> =
        tile.labels.iter().map(|(language, label)| format!("label\t{language}\t{label}")).collect();
    if lines.is_empty() {
        lines.push("label\tthe product's own".to_owned());
    }
    lines.push(match &tile.picture {
        Some(picture) => format!("picture\ta PNG file of {} bytes", picture.len()),
        None => "picture\tthe product's own".to_owned(),
    });
    lines.push("PCs have it after their next report.".to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [length.as_slice(), kind, content, &[0; 4]].concat()
    }

    fn picture(width: u32, height: u32, rest: &[Vec<u8>]) -> Vec<u8> {
        let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
        head.extend([8, 6, 0, 0, 0]);
        [b"\x89PNG\r\n\x1a\n".to_vec(), part(b"IHDR", &head), rest.concat()].concat()
    }

    #[test]
    fn a_picture_is_a_whole_png_of_one_size() {
        let (body, end) = (part(b"IDAT", &[1, 2, 3]), part(b"IEND", &[]));
        let good = picture(128, 128, &[body.clone(), end.clone()]);
        check_picture(&good).unwrap();
        let said = |bytes: &[u8]| format!("{:#}", check_picture(bytes).unwrap_err());
        assert!(said(&picture(64, 128, &[body.clone(), end.clone()])).contains("64 by 128"));
        assert!(said(b"GIF89a").contains("no PNG"));
        assert!(said(&good[..good.len() - 1]).contains("cut off"));
        assert!(said(&[good.as_slice(), b"more"].concat()).contains("cut off"));
        assert!(said(&picture(128, 128, std::slice::from_ref(&body))).contains("cut off"));
        assert!(said(&picture(128, 128, &[end])).contains("cut off"), "without a picture");
        assert!(said(&picture(128, 128, &vec![body; 6000])).contains("at most 65536"));
        let huge = [&good[..8], &u32::MAX.to_be_bytes(), b"IHDR"].concat();
        assert!(check_picture(&huge).is_err());
    }

    #[test]
    fn a_label_names_its_language_and_fits_the_tile() {
        let read = |typed: &str| parse_label(typed).ok();
        assert_eq!(read("de-AT= Zu? "), Some(("de-at".to_owned(), "Zu?".to_owned())));
        assert_eq!(read("de="), Some(("de".to_owned(), String::new())));
        for wrong in ["de", "d=x", "de_AT=x", "=x", &format!("de={}", "x".repeat(97)), "de=a\tb"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
