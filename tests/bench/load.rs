//! The least that speaks HTTP/1.1: the load must cost little, because it runs on the same two
//! cores as what it loads. One connection, one call at a time, answers with a known length.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A connection to the service.
pub(crate) struct Connection {
    stream: TcpStream,
    host: String,
    received: Vec<u8>,
}

impl Connection {
    /// Opens one.
    ///
    /// # Errors
    /// When nobody listens.
    pub(crate) async fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            host: format!("localhost:{port}"),
            received: Vec::with_capacity(8 * 1024),
        })
    }

    /// Reads `path`.
    ///
    /// # Errors
    /// When the answer is no success.
    pub(crate) async fn get(&mut self, path: &str, token: &str) -> Result<Value> {
        self.ask("GET", path, &credentials(token), "").await
    }

    /// Makes a call.
    ///
    /// # Errors
    /// When the answer is no success.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        token: &str,
        key: &str,
        body: &Value,
    ) -> Result<Value> {
        let headers = format!(
            "{}Content-Type: application/json\r\nIdempotency-Key: {key}\r\n",
            credentials(token)
        );
        self.ask("POST", path, &headers, &body.to_string()).await
    }

    async fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Result<Value> {
        let request = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.received.clear();
        let head = loop {
            if let Some(at) = find(&self.received, b"\r\n\r\n") {
                break at + 4;
            }
            self.receive().await?;
        };
        let text = String::from_utf8_lossy(&self.received[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.context("an answer without length")?.trim().parse()?;
        while self.received.len() < head + length {
            self.receive().await?;
        }
        let body = &self.received[head..head + length];
        ensure!(text.starts_with("http/1.1 2"), "{path}: {}", String::from_utf8_lossy(body));
        Ok(serde_json::from_slice(body)?)
    }

    async fn receive(&mut self) -> Result<()> {
        let count = self.stream.read_buf(&mut self.received).await?;
        ensure!(count > 0, "the service closed the connection");
        Ok(())
    }
}

fn credentials(token: &str) -> String {
    if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|part| part == what)
}
