//! The accept loop and the keep-alive connections under the testbed's own servers.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
    time::sleep,
};

use crate::http::{Request, Response, parse_request};

/// A server on a free loopback port. Dropping it ends the listener and every connection.
#[derive(Debug)]
pub(crate) struct Server {
    endpoint: String,
    accepting: AbortHandle,
}

impl Server {
    /// Serves each connection with `serve`, as tasks of the calling runtime.
    pub(crate) async fn start<F>(serve: impl Fn(Connection) -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await;
        let listener = listener.expect("the loopback interface has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        Self { endpoint: format!("http://{address}"), accepting: tokio::spawn(accept(listener, serve)).abort_handle() }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The accept loop owns the connections' tasks, which end with it.
        self.accepting.abort();
    }
}

async fn accept<F>(listener: TcpListener, serve: impl Fn(Connection) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(serve(Connection::new(stream)));
            },
            // Only to forget those that have ended. How they ended is their client's affair.
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A client's connection, with what has arrived on it and was not asked for yet.
pub(crate) struct Connection {
    stream: TcpStream,
    arrived: Vec<u8>,
    /// The client has asked for the last time.
    last: bool,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        // Small answers should not wait for a full packet; a socket that refuses is only slower.
        let _ = stream.set_nodelay(true);
        Self { stream, arrived: Vec::new(), last: false }
    }

    /// The connection itself, for those who speak something else on it. Nothing may have been read from it.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// The next request, or `None` when the client has closed or said that it would.
    pub(crate) async fn next_request(&mut self) -> io::Result<Option<Request>> {
        if self.last {
            return Ok(None);
        }
        loop {
            if let Some((request, length)) = parse_request(&self.arrived)? {
                self.arrived.drain(..length);
                self.last = request.is_last();
                return Ok(Some(request));
            }
            if self.stream.read_buf(&mut self.arrived).await? == 0 {
                return Ok(None);
            }
        }
    }

    pub(crate) async fn respond(&mut self, response: &Response) -> io::Result<()> {
        self.write(response, response.body.len()).await
    }

    /// Promises the whole body, sends the first `length` bytes of it, and closes.
    pub(crate) async fn respond_cut(mut self, response: &Response, length: usize) -> io::Result<()> {
        self.write(response, length.min(response.body.len())).await?;
        self.stream.shutdown().await
    }

    /// Promises the whole body, and sends a byte of it every so often.
    pub(crate) async fn respond_dripping(mut self, response: &Response, every: Duration) -> io::Result<()> {
        self.write(response, 0).await?;
        for byte in &response.body {
            sleep(every).await;
            self.stream.write_all(&[*byte]).await?;
        }
        Ok(())
    }

    /// Passes on to `address` whatever comes from here on, and back.
    pub(crate) async fn tunnel(mut self, address: &str) -> io::Result<()> {
        let mut there = TcpStream::connect(address).await?;
        self.stream.write_all(b"HTTP/1.1 200 \r\n\r\n").await?;
        there.write_all(&self.arrived).await?;
        copy_bidirectional(&mut self.stream, &mut there).await.map(drop)
    }

    /// Ends the connection with a reset in place of a farewell.
    pub(crate) fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    /// Waits until the client gives up. What it sends meanwhile goes nowhere.
    pub(crate) async fn wait_for_end(&mut self) -> io::Result<()> {
        let mut ignored = [0; 1024];
        while self.stream.read(&mut ignored).await? > 0 {}
        Ok(())
    }

    async fn write(&mut self, response: &Response, length: usize) -> io::Result<()> {
        let message = [response.head().as_bytes(), &response.body[..length]].concat();
        self.stream.write_all(&message).await
    }
}
