#include "cli/cli.h"
int weir_capture_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 1;
}
