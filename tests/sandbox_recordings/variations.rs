//! Requests that nobody recorded.
