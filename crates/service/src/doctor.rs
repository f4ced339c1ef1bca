//! `regain-service doctor`: checks the configuration against the world and says how to mend
//! what is wrong. Changes nothing.

use std::{
    io::{Write as _, stdout},
    process::ExitCode,
};

use store::{Store, StoreError};

use crate::{
    clock::{Clock as _, SystemClock},
    config::Config,
    notify::Mail,
    readiness::{Fleet, pcs},
};

/// Checks everything; exit code 0 when all is well.
///
/// # Errors
/// Only when its own findings cannot be printed.
pub async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let findings = [
        ("configuration", Ok("read and consistent".to_owned())),
        ("master key", master_key(config)),
        ("database", database(config).await),
        ("certificate", certificate(config)),
        ("listening address", listening(config)),
        ("mail server", mail(config).await),
    ];
    let mut out = stdout().lock();
    let mut well = true;
    for (what, finding) in &findings {
        match finding {
            Ok(said) => writeln!(out, "ok    {what}: {said}")?,
            Err(said) => {
                well = false;
                writeln!(out, "WRONG {what}: {said}")?;
            }
        }
    }
    // What is wrong with PCs is nothing of the service's: it is told, and fails nothing.
    for said in fleets(config).await.unwrap_or_default() {
        writeln!(out, "{said}")?;
    }
    if well {
        writeln!(out, "All is well.")?;
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn master_key(config: &Config) -> Result<String, String> {
    use std::os::unix::fs::PermissionsExt as _;
    let file = &config.service.master_key_file;
    let shown = file.display();
    let meta = std::fs::metadata(file)
        .map_err(|_| format!("{shown} is not there yet; `regain-service migrate` makes it"))?;
    if meta.len() != 32 {
        return Err(format!("{shown} must hold exactly 32 bytes; restore it from your copy"));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(format!("{shown} can be read by others; run: chmod 600 {shown}"));
    }
    Ok(format!("{shown} is there and private"))
}

async fn database(config: &Config) -> Result<String, String> {
    let file = config.database();
    let shown = file.display();
    if !file.exists() {
        return Err(format!("{shown} is not there yet; run: regain-service migrate"));
    }
    let store = Store::open(&file).await.map_err(|error| format!("{shown}: {error}"))?;
    store.ping().await.map_err(|error| format!("{shown}: {error}"))?;
    let tenants = store.read(|mut tx| Box::pin(async move { tx.tenants().await })).await;
    let tenants = tenants.map_err(|error: store::StoreError| format!("{shown}: {error}"))?;
    if tenants.is_empty() {
        return Err("there is no tenant yet; run: regain-service tenant create --help".to_owned());
    }
    Ok(format!("{shown} answers, {} tenant(s)", tenants.len()))
}

/// How the PCs of each tenant are; none where nobody could say.
async fn fleets(config: &Config) -> Option<Vec<String>> {
    let file = config.database();
    if !file.exists() {
        return None;
    }
    let store = Store::open(&file).await.ok()?;
    let read = store.read(|mut tx| {
        Box::pin(async move {
            let mut all = Vec::new();
            for tenant in tx.tenants().await? {
                let devices = tx.devices(tenant.id).await?;
                all.push((tenant.host, Fleet::of(&devices, SystemClock.now())));
            }
            Ok::<_, StoreError>(all)
        })
    });
    let all = read.await.ok()?;
    Some(all.iter().flat_map(|(host, fleet)| fleet_lines(host, fleet)).collect())
}

fn fleet_lines(host: &str, fleet: &Fleet) -> Vec<String> {
    let sentences = fleet.sentences();
    if fleet.all == 0 {
        return Vec::new();
    }
    if sentences.is_empty() {
        return vec![format!("ok    PCs of {host}: {} known, all well", pcs(fleet.all))];
    }
    let mut lines: Vec<String> =
        sentences.iter().map(|said| format!("note  PCs of {host}: {said}")).collect();
    let only = if fleet.cannot > 0 { " --cannot-recover" } else { "" };
    lines.push(format!("      regain-service device list --tenant {host}{only}"));
    lines
}

fn certificate(config: &Config) -> Result<String, String> {
    let Some(tls) = &config.http.tls else {
        return Ok("none, on a loopback address".to_owned());
    };
    for (key, file) in [("certificate", &tls.certificate), ("key", &tls.key)] {
        std::fs::read(file)
            .map_err(|error| format!("`http.tls.{key}` {}: {error}", file.display()))?;
    }
    Ok(format!("{} and its key can be read", tls.certificate.display()))
}

fn listening(config: &Config) -> Result<String, String> {
    let listen = config.http.listen;
    match std::net::TcpListener::bind(listen) {
        Ok(_) => Ok(format!("{listen} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Ok(format!("{listen} is in use (by a running service, if one runs)"))
        }
        // Ports below 1024 are for whom the system lets: the unit, not a person with its name.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Ok(format!("{listen} was not tried: only the unit of systemd may listen there"))
        }
        Err(error) => Err(format!("`http.listen` {listen}: {error}")),
    }
}

async fn mail(config: &Config) -> Result<String, String> {
    let (host, port) = (&config.mail.host, config.mail.port);
    let mail = Mail::new(&config.mail).map_err(|error| format!("{error:#}"))?;
    if mail.probe().await {
        return Ok(format!("{host}:{port} answers"));
    }
    Err(format!("{host}:{port} does not answer as `mail` in the configuration says"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pcs_are_mentioned_where_there_are_some_and_the_command_that_says_more() {
        assert!(fleet_lines("h", &Fleet::default()).is_empty());
        let well = Fleet { all: 412, ..Fleet::default() };
        assert_eq!(fleet_lines("h", &well), ["ok    PCs of h: 412 PCs known, all well"]);
        let silent = Fleet { silent: 2, ..well };
        assert_eq!(
            fleet_lines("h", &silent),
            [
                "note  PCs of h: 2 PCs have not reported for 14 days or longer.",
                "      regain-service device list --tenant h",
            ]
        );
    }
}
