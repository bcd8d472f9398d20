from stygig.cli import main

main()
