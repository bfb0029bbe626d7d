//! The page's files, built into the program.

use std::io::Write;
use std::sync::OnceLock;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// A file as it is served.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    content: &'static [u8],
    /// Compressed when it is asked for the first time.
    compressed: OnceLock<Bytes>,
    tag: OnceLock<String>,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! assets {
    ($($path:literal, $content_type:ident, $file:literal;)*) => {
        [$(Asset {
            path: $path,
            content_type: $content_type,
            content: include_bytes!(concat!("../", $file)),
            compressed: OnceLock::new(),
            tag: OnceLock::new(),
        }),*]
    };
}

static ASSETS: [Asset; 31] = assets![
    "/", HTML, "assets/index.html";
    "/icon.svg", SVG, "assets/icon.svg";
    "/alert-list.js", SCRIPT, "assets/alert-list.js";
    "/alerts.js", SCRIPT, "assets/alerts.js";
    "/app.js", SCRIPT, "assets/app.js";
    "/chart-data.js", SCRIPT, "assets/chart-data.js";
    "/chart-export.js", SCRIPT, "assets/chart-export.js";
    "/chart-legend.js", SCRIPT, "assets/chart-legend.js";
    "/chart-range.js", SCRIPT, "assets/chart-range.js";
    "/chart.js", SCRIPT, "assets/chart.js";
    "/dom.js", SCRIPT, "assets/dom.js";
    "/format.js", SCRIPT, "assets/format.js";
    "/gestures.js", SCRIPT, "assets/gestures.js";
    "/health.js", SCRIPT, "assets/health.js";
    "/history.js", SCRIPT, "assets/history.js";
    "/model.js", SCRIPT, "assets/model.js";
    "/plot.js", SCRIPT, "assets/plot.js";
    "/rate-line.js", SCRIPT, "assets/rate-line.js";
    "/reading-row.js", SCRIPT, "assets/reading-row.js";
    "/readings.js", SCRIPT, "assets/readings.js";
    "/selection.js", SCRIPT, "assets/selection.js";
    "/series-picker.js", SCRIPT, "assets/series-picker.js";
    "/series.js", SCRIPT, "assets/series.js";
    "/sparkline.js", SCRIPT, "assets/sparkline.js";
    "/style.css", STYLE, "assets/style.css";
    "/topic-tree.js", SCRIPT, "assets/topic-tree.js";
    "/views.css", STYLE, "assets/views.css";
    "/virtual-list.js", SCRIPT, "assets/virtual-list.js";
    "/uplot.js", SCRIPT, "vendor/uplot/uPlot.esm.js";
    "/uplot.css", STYLE, "vendor/uplot/uPlot.min.css";
    "/uplot-licence.txt", TEXT, "vendor/uplot/LICENSE";
];

const TEXT: &str = "text/plain; charset=utf-8";

/// Returns the file at `path`: nothing new if the browser has it already, compressed if the
/// browser accepts that.
pub(crate) fn respond(path: &str, request: &HeaderMap) -> Option<Response<Body>> {
    let asset = ASSETS.iter().find(|asset| asset.path == path)?;
    let accepts = |name, value: &str| {
        let given = request.get(name).and_then(|given| given.to_str().ok());
        given.is_some_and(|given| given.contains(value))
    };
    let tag = asset.tag();
    let response = Response::builder()
        .header(ETAG, tag)
        .header(CACHE_CONTROL, "no-cache")
        .header(VARY, "accept-encoding");
    let response = if accepts(IF_NONE_MATCH, tag) {
        response
            .status(StatusCode::NOT_MODIFIED)
            .body(Body::empty())
    } else if accepts(ACCEPT_ENCODING, "gzip") {
        response
            .header(CONTENT_TYPE, asset.content_type)
            .header(CONTENT_ENCODING, "gzip")
            .body(Body::from(asset.compressed()))
    } else {
        response
            .header(CONTENT_TYPE, asset.content_type)
            .body(Body::from(asset.content))
    };
    response.ok()
}

impl Asset {
    fn compressed(&self) -> Bytes {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            // Writing to memory does not fail.
            let _ = encoder.write_all(self.content);
            encoder.finish().unwrap_or_default().into()
        };
        self.compressed.get_or_init(compress).clone()
    }

    fn tag(&self) -> &str {
        self.tag.get_or_init(|| {
            let hash = Sha256::digest(self.content);
            format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash[..12]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_together_have_at_most_150_kb_compressed() {
        let sizes = ASSETS.iter().map(|asset| asset.compressed().len());
        let sum: usize = sizes.sum();
        assert!(sum <= 150_000, "{sum} bytes");
    }

    #[test]
    fn no_file_loads_anything_from_elsewhere_or_has_a_script_or_style_inside() {
        let own = ASSETS.iter().filter(|asset| !asset.path.contains("uplot"));
        for asset in own {
            let text = std::str::from_utf8(asset.content).unwrap();
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for forbidden in [
                "http://",
                "https://",
                "innerHTML",
                "style=\"",
                " onclick",
                "eval(",
            ] {
                assert!(!text.contains(forbidden), "{}: {forbidden}", asset.path);
            }
            if asset.content_type == HTML {
                assert!(!text.contains("<style"), "{}", asset.path);
                for script in text.split("<script").skip(1) {
                    assert!(script.contains("></script>"), "{}", asset.path);
                }
            }
        }
    }

    #[test]
    fn a_file_that_the_browser_has_is_not_sent_again() {
        let mut request = HeaderMap::new();
        let first = respond("/app.js", &request).unwrap();
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers().get(CONTENT_ENCODING), None);
        request.insert(ACCEPT_ENCODING, "gzip, br".parse().unwrap());
        let compressed = respond("/app.js", &request).unwrap();
        assert_eq!(compressed.headers()[CONTENT_ENCODING], "gzip");
        request.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        let again = respond("/app.js", &request).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert!(respond("/../Cargo.toml", &request).is_none());
    }
}
