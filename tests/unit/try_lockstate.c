#include <stdio.h>
#include <stdlib.h>

#include "common/lockstate.h"

/* try_lockstate FILE MAC ADDRESS NOW: what the C reader answers, for tests/readers.sh. */
int main(int argc, char **argv) {
	if (argc != 5)
		return 2;
	(void)printf("%d\n", (int)lockstate_verdict(argv[1], argv[2], argv[3], atoll(argv[4])));
	return 0;
}
