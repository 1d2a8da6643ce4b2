"""``python -m reldistill_cli`` is ``minictl``; torchrun starts it so."""

from reldistill_cli.main import run

if __name__ == "__main__":
    run()
