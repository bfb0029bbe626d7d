//! The page that shows a store's readings in a browser.
