//! `reldistill_loader._native`: reldistill-loader and reldistill-kernels as a Python module.
//!
//! Nothing is decided here. Each file takes Python's arguments, lets go of the interpreter, calls a crate and hands
//! back what came of it. Documentation for users stands in `_native.pyi`, which a test holds against this module.

mod arrays;
mod attention;
mod batches;
mod corpus;
mod documents;
mod dropout;
mod errors;
mod floats;
mod mixture;
mod page_locked;
mod per_process;
mod python_classes;
mod relation_terms;
mod tokenize;

#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use super::attention::{attention_backward, attention_forward};
    #[pymodule_export]
    use super::batches::{Batch, Batches};
    #[pymodule_export]
    use super::corpus::Corpus;
    #[pymodule_export]
    use super::dropout::dropout;
    #[pymodule_export]
    use super::mixture::Mixture;
    #[pymodule_export]
    use super::relation_terms::relation_terms;
    #[pymodule_export]
    use super::tokenize::{merge_parts, tokenize, tokenize_documents};
}
