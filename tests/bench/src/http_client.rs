//! The smallest HTTP/1.1 client that can load a server: one keep-alive connection, one request at a time.
//!
//! Why no client library here: the load shares the cores with the server, so every microsecond that it spends is
//! missing in the figure.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use tokio::net::TcpStream;

/// The end of an answer's head.
const HEAD_END: &[u8] = b"\r\n\r\n";
/// The header that says how long the body is.
const LENGTH_HEADER: &str = "content-length";
/// An answer longer than this is an error: none of the counter's is.
const ANSWER_BYTES_MAX: usize = /* 16 KiB */ 16 * 1_024;

/// A connection that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    /// The answer so far: its first `filled` bytes.
    buffer: Box<[u8; ANSWER_BYTES_MAX]>,
    filled: usize,
}

impl Connection {
    /// # Errors
    /// When the server does not accept.
    pub(crate) async fn open(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).await.context("connecting")?;
        stream.set_nodelay(true).context("TCP_NODELAY")?;
        Ok(Self { stream, buffer: Box::new([0; ANSWER_BYTES_MAX]), filled: 0 })
    }

    /// Sends a whole request and returns the body of its answer, which must be 200.
    ///
    /// # Errors
    /// When the connection breaks or the answer is anything else.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.send(request).await?;
        self.filled = 0;
        let (start, end) = loop {
            self.receive().await?;
            if let Some(span) = body_span(self.answer())? {
                break span;
            }
        };
        let answer = self.answer();
        ensure!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
        answer.get(start..end).context("an answer without body")
    }

    fn answer(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    async fn send(&mut self, mut request: &[u8]) -> Result<()> {
        while !request.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(request) {
                Ok(sent) => request = request.get(sent..).unwrap_or_default(),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<()> {
        loop {
            let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
            ensure!(!room.is_empty(), "an answer of more than {ANSWER_BYTES_MAX} bytes");
            self.stream.readable().await?;
            match self.stream.try_read(room) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(read) => {
                    self.filled = self.filled.saturating_add(read);
                    return Ok(());
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Where the body lies once all of it is there.
fn body_span(answer: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(head) = answer.windows(HEAD_END.len()).position(|window| window == HEAD_END) else { return Ok(None) };
    let text = std::str::from_utf8(answer.get(..head).unwrap_or_default()).context("a head that is not text")?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(LENGTH_HEADER).then(|| value.trim().parse::<usize>())
    });
    let start = head.saturating_add(HEAD_END.len());
    let end = start.saturating_add(length.context("an answer without length")??);
    Ok((answer.len() >= end).then_some((start, end)))
}

/// A request that posts `body`; sent again and again as it is.
pub(crate) fn post(path: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
