//! `reldistill_loader._native`: reldistill-loader as a Python module.
//!
//! Nothing is decided here. Each file takes Python's arguments, lets go of the interpreter, calls the crate and hands
//! back what came of it. Documentation for users stands in `_native.pyi`, which a test holds against this module.

mod arrays;
mod batches;
mod corpus;
mod documents;
mod errors;
mod mixture;
mod page_locked;
mod per_process;
mod python_classes;
mod tokenize;

#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use super::batches::{Batch, Batches};
    #[pymodule_export]
    use super::corpus::Corpus;
    #[pymodule_export]
    use super::mixture::Mixture;
    #[pymodule_export]
    use super::tokenize::{merge_parts, tokenize, tokenize_documents};
}
