"""Fine-tuning and scoring encoders on downstream tasks, as section 4.2 of the paper does."""
