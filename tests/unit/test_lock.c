#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/world.h"

/* Each row: what is shown, what was before, the event at hand, and device A after it. B is looked at where the row says so. */
struct row {
	const char *title;
	const char *before;
	const char *event;
	const char *after;
	char device;
};

static const struct row rows[] = {
	/* 1 */
	{"rule 1: an unknown MAC that is served becomes a device, locked to who asked", "", "0s served 203.0.113.7",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 1: an unsound account is taken from nobody", "", "0s served 203.0.113.7 account=a/b",
     "locked - 203.0.113.7 provisioned -", 'A'},
	{"rule 1: a refused MAC is not learned", "", "0s refused 203.0.113.7", "unknown", 'A'},
	{"rule 1: a MAC that asks without credentials is not learned", "", "0s unauthorised 203.0.113.7", "unknown", 'A'},
	{"rule 1: a MAC without a file is not learned", "", "0s unknown 203.0.113.7", "unknown", 'A'},
	{"rule 1: an event without proof teaches nothing", "", "0s served 203.0.113.7 unproven", "unknown", 'A'},
	{"rule 1: a registration teaches nothing", "", "0s sip.registered 203.0.113.7", "unknown", 'A'},
	{"rule 1: an unknown MAC in a network of its account has that address as home", "0s network-add 192.0.2.0/28",
     "1m served 192.0.2.5", "locked - 192.0.2.5 provisioned acct1", 'A'},
	{"rule 1: a removed device is only counted", "0s add; 1m remove", "2m served 203.0.113.7",
     "locked - - manual acct1", 'A'},

	/* 2 */
	{"rule 2: a new device is locked to the first address that is served", "0s add", "23h served 203.0.113.7",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 2: in the last second it is still new", "0s add", "86399s served 203.0.113.7",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 2: a refused fetch leaves a new device new", "0s add", "1h refused 203.0.113.7",
     "open 1795435200 - new acct1", 'A'},
	{"rule 2: an event without proof leaves a new device new", "0s add", "1h served 203.0.113.7 unproven",
     "open 1795435200 - new acct1", 'A'},
	{"rule 2: --adopt gives the first served fetch the home however late", "0s import created=30d adopt",
     "9d served 203.0.113.7", "locked - 203.0.113.7 provisioned acct1", 'A'},

	/* 3 */
	{"rule 3: a new device that asks too late is stale, and exposed where it was served", "0s add",
     "24h served 203.0.113.7", "locked - - stale acct1 exposed 203.0.113.7", 'A'},
	{"rule 3: refused, it is stale and not exposed", "0s add", "24h refused 203.0.113.7", "locked - - stale acct1",
     'A'},
	{"rule 3: without credentials nothing changes", "0s add", "24h unauthorised 203.0.113.7",
     "open 1795435200 - new acct1", 'A'},
	{"rule 3: in watch mode it acts as rule 2", "0s add; 1h watch", "24h served 203.0.113.7",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 3: in watch mode a refused fetch changes nothing", "0s add; 1h watch", "24h refused 203.0.113.7",
     "open 1795435200 - new acct1", 'A'},
	{"rule 3: while locks are paused nothing is exposed", "0s add; 23h pause for=2h locks", "24h served 203.0.113.7",
     "locked - - stale acct1", 'A'},

	/* 4 */
	{"rule 4: a fetch from home changes nothing", "0s served 203.0.113.7", "1h served 203.0.113.7",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 4: an imposter at home changes nothing", "0s served 203.0.113.7", "1h served 203.0.113.7 imposter",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 4: refused at home changes nothing", "0s served 203.0.113.7", "1h refused 203.0.113.7",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 4: a fetch from a network of the account changes nothing",
     "0s served 203.0.113.7; 1m network-add 192.0.2.0/28", "1h served 192.0.2.3",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 4: another account's network is elsewhere",
     "0s served 203.0.113.7; 1m network-add 192.0.2.0/28 account=acct2", "1h refused 192.0.2.3",
     "locked - 203.0.113.7 provisioned acct1 moved 192.0.2.3", 'A'},
	{"rule 4: a network that was removed is elsewhere",
     "0s served 203.0.113.7; 1m network-add 192.0.2.0/28; 2m network-remove 192.0.2.0/28", "1h refused 192.0.2.3",
     "locked - 203.0.113.7 provisioned acct1 moved 192.0.2.3", 'A'},
	{"rule 4: a new device in a network takes that address as home", "0s add; 1m network-add 192.0.2.0/28",
     "1h served 192.0.2.3", "locked - 192.0.2.3 provisioned acct1", 'A'},
	{"rule 4: a fetch from the old home does not use an unlock up", "0s served 203.0.113.7; 1h unlock",
     "2h served 203.0.113.7", "open 1795438800 203.0.113.7 unlocked acct1", 'A'},
	{"rule 4: a fetch from a network does not use an unlock up",
     "0s served 203.0.113.7; 1m network-add 192.0.2.0/28; 1h unlock", "2h served 192.0.2.3",
     "open 1795438800 203.0.113.7 unlocked acct1", 'A'},
	{"rule 4: IPv6 addresses of one /64 are one home", "0s served 2001:db8:1:2::7", "1h served 2001:db8:1:2::8",
     "locked - 2001:db8:1:2::/64 provisioned acct1", 'A'},
	{"rule 4: a given prefix is home as given", "0s served 203.0.113.7; 1m home-add 198.51.100.0/24",
     "1h served 198.51.100.77", "locked - 203.0.113.7,198.51.100.0/24 provisioned acct1", 'A'},

	/* 5 */
	{"rule 5: asked from elsewhere is a note and no change", "0s served 203.0.113.7", "1h refused 198.51.100.4",
     "locked - 203.0.113.7 provisioned acct1 moved 198.51.100.4", 'A'},
	{"rule 5: served elsewhere is exposed", "0s served 203.0.113.7", "1h served 198.51.100.4",
     "locked - 203.0.113.7 provisioned acct1 exposed 198.51.100.4 moved 198.51.100.4", 'A'},
	{"rule 5: without credentials from elsewhere is nothing", "0s served 203.0.113.7", "1h unauthorised 198.51.100.4",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 5: unknown from elsewhere is nothing", "0s served 203.0.113.7", "1h unknown 198.51.100.4",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 5: without proof from elsewhere is nothing", "0s served 203.0.113.7", "1h served 198.51.100.4 unproven",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 5: the last three foreign addresses are kept, the latest first",
     "0s served 203.0.113.7; 1h refused 198.51.100.1; 2h refused 198.51.100.2; 3h refused 198.51.100.3; "
     "4h refused 198.51.100.2",
     "5h refused 198.51.100.4", "locked - 203.0.113.7 provisioned acct1 moved 198.51.100.4 198.51.100.2 198.51.100.3",
     'A'},
	{"rule 5: in watch mode a foreign served fetch is only moved", "0s served 203.0.113.7; 1m watch",
     "1h served 198.51.100.4", "locked - 203.0.113.7 provisioned acct1 moved 198.51.100.4", 'A'},
	{"rule 5: while locks are paused a foreign served fetch is only moved",
     "0s served 203.0.113.7; 30m pause for=2h locks", "1h served 198.51.100.4",
     "locked - 203.0.113.7 provisioned acct1 moved 198.51.100.4", 'A'},
	{"rule 5: a pause of bans alone exposes", "0s served 203.0.113.7; 30m pause for=2h", "1h served 198.51.100.4",
     "locked - 203.0.113.7 provisioned acct1 exposed 198.51.100.4 moved 198.51.100.4", 'A'},
	{"rule 5: when the pause is over a foreign served fetch exposes",
     "0s served 203.0.113.7; 30m pause for=2h locks; 1h resume", "1h served 198.51.100.4",
     "locked - 203.0.113.7 provisioned acct1 exposed 198.51.100.4 moved 198.51.100.4", 'A'},
	{"rule 5: a held device asked from elsewhere stays held",
     "0s served 203.0.113.7; 1h unlock for=1h; 3h suspect 198.51.100.9", "4h refused 198.51.100.4",
     "locked - 203.0.113.7 held acct1 moved 198.51.100.4", 'A'},
	{"rule 5: the first exposure is the one that is kept", "0s served 203.0.113.7; 1h served 198.51.100.4",
     "2h served 198.51.100.5",
     "locked - 203.0.113.7 provisioned acct1 exposed 198.51.100.4 moved 198.51.100.5 198.51.100.4", 'A'},

	/* 6 */
	{"rule 6: an unlocked device is locked to the next address that is served", "0s served 203.0.113.7; 1h unlock",
     "2h served 198.51.100.4", "locked - 198.51.100.4 provisioned acct1", 'A'},
	{"rule 6: an unlock is good from its own second on", "0s served 203.0.113.7; 1h unlock", "1h served 198.51.100.4",
     "locked - 198.51.100.4 provisioned acct1", 'A'},
	{"rule 6: an unlock is over at its end", "0s served 203.0.113.7; 1h unlock for=1h", "2h served 198.51.100.4",
     "open 1795356000 203.0.113.7 unlocked acct1 exposed 198.51.100.4 moved 198.51.100.4", 'A'},
	{"rule 6: refused uses no unlock up", "0s served 203.0.113.7; 1h unlock", "2h refused 198.51.100.4",
     "open 1795438800 203.0.113.7 unlocked acct1", 'A'},
	{"rule 6: the new home is alone",
     "0s served 203.0.113.7; 1m home-add 192.0.2.0/24; 2m poll.served 198.51.100.9; 1h unlock",
     "2h served 198.51.100.4", "locked - 198.51.100.4 provisioned acct1", 'A'},
	{"rule 6: a new home sets provisioned", "0s served 203.0.113.7; 1m lock; 1h unlock", "2h served 198.51.100.4",
     "locked - 198.51.100.4 provisioned acct1", 'A'},
	{"rule 6: who asked from elsewhere and lives there now is no longer moved",
     "0s served 203.0.113.7; 1m refused 198.51.100.4; 1h unlock", "2h served 198.51.100.4",
     "locked - 198.51.100.4 provisioned acct1", 'A'},
	{"rule 6: an account-wide unlock ends at the first provision outside the old home",
     "0s served 203.0.113.7; 1h unlock-account", "20d served 198.51.100.4", "locked - 198.51.100.4 provisioned acct1",
     'A'},
	{"rule 6: one device's provision does not end the unlock of the others",
     "0s served 203.0.113.7; 0s served 203.0.113.7 B; 1h unlock-account; 2h served 203.0.113.7 B",
     "2h served 198.51.100.4", "open - 203.0.113.7 unlocked acct1", 'B'},

	/* 7 */
	{"rule 7: a window gives a locked device a new home", "0s served 203.0.113.7; 1h window-open 198.51.100.4 for=2h",
     "2h served 198.51.100.4", "locked - 198.51.100.4 provisioned acct1", 'A'},
	{"rule 7: a window for any account does too",
     "0s served 203.0.113.7; 1h window-open 198.51.100.0/24 for=2h account=*", "2h served 198.51.100.4",
     "locked - 198.51.100.4 provisioned acct1", 'A'},
	{"rule 7: another account's window does not",
     "0s served 203.0.113.7; 1h window-open 198.51.100.4 for=2h account=acct2", "2h refused 198.51.100.4",
     "locked - 203.0.113.7 provisioned acct1 moved 198.51.100.4", 'A'},
	{"rule 7: a window that is over does not", "0s served 203.0.113.7; 1h window-open 198.51.100.4 for=1h",
     "2h served 198.51.100.4", "locked - 203.0.113.7 provisioned acct1 exposed 198.51.100.4 moved 198.51.100.4", 'A'},
	{"rule 7: a window that was closed does not",
     "0s served 203.0.113.7; 1h window-open 198.51.100.4 for=9h; 2h window-close 198.51.100.4",
     "3h refused 198.51.100.4", "locked - 203.0.113.7 provisioned acct1 moved 198.51.100.4", 'A'},
	{"rule 7: a held device has no windows",
     "0s served 203.0.113.7; 1h unlock for=1h; 3h suspect 198.51.100.9; 4h window-open 198.51.100.4 for=2h",
     "5h served 198.51.100.4", "locked - 203.0.113.7 held acct1 exposed 198.51.100.4 moved 198.51.100.4", 'A'},
	{"rule 7: a window opens a stale device", "0s add; 30h window-open 198.51.100.4 for=2h", "31h served 198.51.100.4",
     "locked - 198.51.100.4 provisioned acct1", 'A'},
	{"rule 7: a suspicious device finds its new home by a window",
     "0s served 203.0.113.7; 1h suspect 198.51.100.9; 2h window-open 198.51.100.4 for=2h", "3h served 198.51.100.4",
     "locked - 198.51.100.4 provisioned acct1", 'A'},
	{"rule 7: refused in a window is nothing yet", "0s served 203.0.113.7; 1h window-open 198.51.100.4 for=2h",
     "2h refused 198.51.100.4", "locked - 203.0.113.7 provisioned acct1 moved 198.51.100.4", 'A'},

	/* 8 */
	{"rule 8: an imposter served in new locks it suspicious, without a home, exposed", "0s add",
     "1h served 198.51.100.4 imposter", "locked - - suspicious acct1 exposed 198.51.100.4", 'A'},
	{"rule 8: an imposter served in unlocked leaves the home unchanged", "0s served 203.0.113.7; 1h unlock",
     "2h served 198.51.100.4 imposter", "locked - 203.0.113.7 suspicious acct1 exposed 198.51.100.4", 'A'},
	{"rule 8: an imposter refused in unlocked is nothing", "0s served 203.0.113.7; 1h unlock",
     "2h refused 198.51.100.4 imposter", "open 1795438800 203.0.113.7 unlocked acct1", 'A'},
	{"rule 8: it comes before an open window", "0s add; 0s window-open 198.51.100.4 for=9h",
     "1h served 198.51.100.4 imposter", "locked - - suspicious acct1 exposed 198.51.100.4", 'A'},
	{"rule 8: an unknown MAC that an imposter fetches is locked with no home", "", "0s served 198.51.100.4 imposter",
     "locked - - suspicious acct1 exposed 198.51.100.4", 'A'},

	/* 9 */
	{"rule 9: a poll from elsewhere adds that address to home", "0s served 203.0.113.7", "1h poll.served 198.51.100.4",
     "locked - 203.0.113.7,198.51.100.4 provisioned acct1", 'A'},
	{"rule 9: a poll teaches as a provision does", "", "0s poll.served 203.0.113.7",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 9: a poll locks a new device", "0s add", "1h poll.served 203.0.113.7",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 9: an imposter's poll adds nothing", "0s served 203.0.113.7", "1h poll.served 198.51.100.4 imposter",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 9: a poll without proof adds nothing", "0s served 203.0.113.7", "1h poll.served 198.51.100.4 unproven",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 9: an unlocked device that polls stays unlocked", "0s served 203.0.113.7; 1h unlock",
     "2h poll.served 198.51.100.4", "open 1795438800 203.0.113.7,198.51.100.4 unlocked acct1", 'A'},
	{"rule 9: a held device that polls adds nothing",
     "0s served 203.0.113.7; 1h unlock for=1h; 3h suspect 198.51.100.9", "4h poll.served 198.51.100.4",
     "locked - 203.0.113.7 held acct1", 'A'},
	{"rule 9: a refused poll is nothing", "0s served 203.0.113.7", "1h poll.refused 198.51.100.4",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 9: of four homes the longest unused goes first",
     "0s served 203.0.113.7; 1d poll.served 198.51.100.1; 2d poll.served 198.51.100.2; 3d poll.served 198.51.100.3; "
     "4d poll.served 198.51.100.1",
     "5d poll.served 198.51.100.4", "locked - 203.0.113.7,198.51.100.1,198.51.100.3,198.51.100.4 provisioned acct1",
     'A'},
	{"rule 9: unused for 30d a polled home drops out, and the provisioned one never",
     "0s served 203.0.113.7; 1d poll.served 198.51.100.1; 20d poll.served 198.51.100.2", "32d served 192.0.2.99 B",
     "locked - 203.0.113.7,198.51.100.2 provisioned acct1", 'A'},
	{"rule 9: used within 30d a polled home stays",
     "0s served 203.0.113.7; 1d poll.served 198.51.100.1; 20d poll.served 198.51.100.1", "45d served 192.0.2.99 B",
     "locked - 203.0.113.7,198.51.100.1 provisioned acct1", 'A'},
	{"rule 9: a stale device that polls is locked to where it polls from", "0s add", "30h poll.served 203.0.113.7",
     "locked - 203.0.113.7 stale acct1", 'A'},
	{"rule 9: who polls from where it was noted is no longer moved", "0s served 203.0.113.7; 1h refused 198.51.100.4",
     "2h poll.served 198.51.100.4", "locked - 203.0.113.7,198.51.100.4 provisioned acct1", 'A'},

	/* 10 */
	{"rule 10: a new device that registers is reused, home where it registers", "0s add",
     "1h sip.registered 203.0.113.7", "locked - 203.0.113.7 reused acct1", 'A'},
	{"rule 10: a registration without proof changes nothing", "0s add", "1h sip.registered 203.0.113.7 unproven",
     "open 1795435200 - new acct1", 'A'},
	{"rule 10: a registration of a locked device changes nothing", "0s add; 1h served 203.0.113.7",
     "2h sip.registered 198.51.100.4", "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 10: a registration does not lock an unlocked device", "0s add; 1h served 203.0.113.7; 2h unlock",
     "3h sip.registered 198.51.100.4", "open 1795442400 203.0.113.7 unlocked acct1", 'A'},
	{"rule 10: another user's registration is not this device's", "0s add; 0s add B", "1h sip.registered 203.0.113.7 B",
     "open 1795435200 - new acct1", 'A'},
	{"rule 10: a phone that was registered and is set up anew elsewhere finds itself locked",
     "0s add; 1h sip.registered 203.0.113.7", "2h served 198.51.100.4",
     "locked - 203.0.113.7 reused acct1 exposed 198.51.100.4 moved 198.51.100.4", 'A'},

	/* 11 */
	{"rule 11: a suspected new device is locked", "0s add", "1h suspect 198.51.100.9", "locked - - suspicious acct1",
     'A'},
	{"rule 11: a suspected unlocked device is locked, its home stays", "0s served 203.0.113.7; 1h unlock",
     "2h suspect 198.51.100.9", "locked - 203.0.113.7 suspicious acct1", 'A'},
	{"rule 11: suspected within 7d of an unlock it is held", "0s served 203.0.113.7; 1h unlock for=1h",
     "6d suspect 198.51.100.9", "locked - 203.0.113.7 held acct1", 'A'},
	{"rule 11: suspected 7d after an unlock only the reason rises", "0s served 203.0.113.7; 1h unlock for=1h",
     "169h suspect 198.51.100.9", "locked - 203.0.113.7 suspicious acct1", 'A'},
	{"rule 11: suspected and exposed it is held", "0s served 203.0.113.7; 1h served 198.51.100.4",
     "2h suspect 198.51.100.9", "locked - 203.0.113.7 held acct1 exposed 198.51.100.4 moved 198.51.100.4", 'A'},
	{"rule 11: on any other locked device only the reason rises", "0s served 203.0.113.7", "2h suspect 198.51.100.9",
     "locked - 203.0.113.7 suspicious acct1", 'A'},
	{"rule 11: a stale device that is suspected is suspicious", "0s add", "30h suspect 198.51.100.9",
     "locked - - suspicious acct1", 'A'},
	{"rule 11: without proof nobody is suspected", "0s served 203.0.113.7", "2h suspect 198.51.100.9 unproven",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 11: an attack from before an unlock, read after it, changes nothing", "0s served 203.0.113.7; 2h unlock",
     "1h suspect 198.51.100.9", "open 1795442400 203.0.113.7 unlocked acct1", 'A'},

	/* 12 */
	{"rule 12: an exposure closes the account's new devices", "0s served 203.0.113.7; 0s add B",
     "1h served 198.51.100.4", "locked - - account acct1", 'B'},
	{"rule 12: and its unlocked ones, home unchanged", "0s served 203.0.113.7; 0s served 203.0.113.8 B; 1h unlock B",
     "2h served 198.51.100.4", "locked - 203.0.113.8 account acct1", 'B'},
	{"rule 12: a locked device of the account stays as it is", "0s served 203.0.113.7; 0s served 203.0.113.8 B",
     "2h served 198.51.100.4", "locked - 203.0.113.8 provisioned acct1", 'B'},
	{"rule 12: another account is left alone", "0s served 203.0.113.7; 0s add B account=acct2",
     "1h served 198.51.100.4", "open 1795435200 - new acct2", 'B'},
	{"rule 12: account - is no account", "0s served 203.0.113.7 account=-; 0s add B account=-",
     "1h served 198.51.100.4", "open 1795435200 - new -", 'B'},
	{"rule 12: once per exposure", "0s served 203.0.113.7; 1h served 198.51.100.4; 2h add B", "3h served 198.51.100.5",
     "open 1795442400 - new acct1", 'B'},
	{"rule 12: a device that becomes held closes them too", "0s served 203.0.113.7; 1h unlock for=1h; 2h add B",
     "3h suspect 198.51.100.9", "locked - - account acct1", 'B'},
	{"rule 12: an imposter in one phone's unlock closes the others", "0s served 203.0.113.7; 1h unlock; 2h add B",
     "3h served 198.51.100.9 imposter", "locked - - account acct1", 'B'},
	{"rule 12: an exposure read late leaves what changed after it",
     "0s served 203.0.113.7; 0s served 203.0.113.8 B; 30m unlock B; 2h poll.served 198.51.100.1 B",
     "1h served 198.51.100.4", "open 1795437000 203.0.113.8,198.51.100.1 unlocked acct1", 'B'},
	{"rule 12: not while locks are paused", "0s served 203.0.113.7; 0s add B; 30m pause for=2h locks",
     "1h suspect 198.51.100.4", "open 1795435200 - new acct1", 'B'},

	{"rule 12: an exposure read late leaves what was made after it", "0s served 203.0.113.7; 3h add B",
     "2h served 198.51.100.4", "open 1795446000 - new acct1", 'B'},

	/* 14 */
	{"rule 14: created makes a new device", "", "0s device.created", "open 1795435200 - new acct1", 'A'},
	{"rule 14: created leaves a known one", "0s served 203.0.113.7", "1h device.created account=acct2",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 14: created makes a removed one new", "0s served 203.0.113.7; 1h remove", "2h device.created",
     "open 1795442400 - new acct1", 'A'},
	{"rule 14: deleted removes", "0s served 203.0.113.7", "1h device.deleted", "locked - - manual acct1", 'A'},
	{"rule 14: deleted before it was learned is nothing", "1h served 203.0.113.7", "0s device.deleted",
     "locked - 203.0.113.7 provisioned acct1", 'A'},
	{"rule 14: deleted before it was added is nothing", "5h add", "1h device.deleted", "open 1795453200 - new acct1",
     'A'},
	{"rule 14: created before it was removed leaves it removed", "0s served 203.0.113.7; 2h remove",
     "1h device.created", "locked - - manual acct1", 'A'},
	{"rule 14: customised is noted", "0s served 203.0.113.7", "1h device.customised",
     "locked - 203.0.113.7 provisioned acct1 custom", 'A'},

	/* Secret folders, section 4. */
	{"folder: an invented folder is a provision, not a poll", "0s served 203.0.113.7",
     "1h poll.served 198.51.100.4 folder=/s3cr3t/",
     "locked - 203.0.113.7 provisioned acct1 exposed 198.51.100.4 moved 198.51.100.4", 'A'},
	{"folder: an invented folder that is refused is a provision too", "0s served 203.0.113.7",
     "1h poll.refused 198.51.100.4 folder=/s3cr3t/", "locked - 203.0.113.7 provisioned acct1 moved 198.51.100.4", 'A'},
	{"folder: the one that it was served at home before is a poll",
     "0s served 203.0.113.7; 1h poll.served 203.0.113.7 folder=/own/", "2h poll.served 198.51.100.4 folder=/own/",
     "locked - 203.0.113.7,198.51.100.4 provisioned acct1", 'A'},
	{"folder: another than its own is a provision", "0s served 203.0.113.7; 1h poll.served 203.0.113.7 folder=/own/",
     "2h poll.served 198.51.100.4 folder=/other/",
     "locked - 203.0.113.7 provisioned acct1 exposed 198.51.100.4 moved 198.51.100.4", 'A'},
	{"folder: another device's is a provision",
     "0s served 203.0.113.7; 0s served 203.0.113.7 B; 1h poll.served 203.0.113.7 B folder=/own/",
     "2h poll.served 198.51.100.4 folder=/own/",
     "locked - 203.0.113.7 provisioned acct1 exposed 198.51.100.4 moved 198.51.100.4", 'A'},
	{"folder: served from home through another replaces it",
     "0s served 203.0.113.7; 1h poll.served 203.0.113.7 folder=/own/; 2h poll.served 203.0.113.7 folder=/next/",
     "3h poll.served 198.51.100.4 folder=/next/", "locked - 203.0.113.7,198.51.100.4 provisioned acct1", 'A'},
	{"folder: refused at home replaces nothing",
     "0s served 203.0.113.7; 1h poll.served 203.0.113.7 folder=/own/; 2h poll.refused 203.0.113.7 folder=/next/",
     "3h poll.served 198.51.100.4 folder=/next/",
     "locked - 203.0.113.7 provisioned acct1 exposed 198.51.100.4 moved 198.51.100.4", 'A'},
	{"folder: an imposter in the office replaces nothing",
     "0s served 203.0.113.7; 1h poll.served 203.0.113.7 folder=/own/; "
     "2h poll.served 203.0.113.7 folder=/next/ imposter",
     "3h poll.served 198.51.100.4 folder=/own/", "locked - 203.0.113.7,198.51.100.4 provisioned acct1", 'A'},
	{"folder: without proof replaces nothing",
     "0s served 203.0.113.7; 1h poll.served 203.0.113.7 folder=/own/; "
     "2h poll.served 203.0.113.7 folder=/next/ unproven",
     "3h poll.served 198.51.100.4 folder=/own/", "locked - 203.0.113.7,198.51.100.4 provisioned acct1", 'A'},
	{"folder: a new device's first fetch is a provision, however its folder is called", "0s add",
     "1h poll.served 198.51.100.4 folder=/s3cr3t/ imposter", "locked - - suspicious acct1 exposed 198.51.100.4", 'A'},

	/* Late events. */
	{"late: an older foreign fetch is judged by what was before the unlock", "0s served 203.0.113.7; 2h unlock",
     "1h served 198.51.100.4", "open 1795442400 203.0.113.7 unlocked acct1 exposed 198.51.100.4 moved 198.51.100.4",
     'A'},
	{"late: an older refused fetch is a note and uses no unlock up", "0s served 203.0.113.7; 2h unlock",
     "1h refused 198.51.100.4", "open 1795442400 203.0.113.7 unlocked acct1 moved 198.51.100.4", 'A'},
	{"late: served while it was unlocked is no exposure when a newer home is known",
     "0s served 203.0.113.7; 1h unlock; 3h served 198.51.100.4", "2h served 198.51.100.5",
     "locked - 198.51.100.4 provisioned acct1", 'A'},
	{"late: an older fetch gives a home to a device that has none, if it was open then",
     "0s add; 3h suspect 198.51.100.9", "2h served 203.0.113.7", "locked - 203.0.113.7 suspicious acct1", 'A'},
	{"late: an older fetch from the home that an admin cleared does not bring it back",
     "0s served 203.0.113.7; 2h lock no-home", "1h served 203.0.113.7", "locked - - manual acct1", 'A'},
	{"late: an older fetch of an imposter gives no home, and exposes", "0s add; 3h suspect 198.51.100.9",
     "2h served 203.0.113.7 imposter", "locked - - suspicious acct1 exposed 203.0.113.7", 'A'},
	{"late: an older refused fetch gives no home", "0s add; 3h suspect 198.51.100.9", "2h refused 203.0.113.7",
     "locked - - suspicious acct1", 'A'},
	{"late: a fetch from when it was open gives a stale device a home", "0s add; 30h refused 198.51.100.4",
     "20h served 203.0.113.7", "locked - 203.0.113.7 stale acct1", 'A'},
	{"late: an older fetch from the old home is no exposure",
     "0s served 203.0.113.7; 2h unlock; 3h served 198.51.100.4", "150m served 203.0.113.7",
     "locked - 198.51.100.4 provisioned acct1", 'A'},
	{"late: an older poll adds no home", "0s served 203.0.113.7; 2h lock; 3h unlock", "1h poll.served 198.51.100.4",
     "open 1795446000 203.0.113.7 unlocked acct1", 'A'},
	{"late: an older registration does not make it reused", "0s add; 2h suspect 198.51.100.9",
     "1h sip.registered 203.0.113.7", "locked - - suspicious acct1", 'A'},
	{"late: import is no change that makes events late", "5h import homes=203.0.113.7", "1h poll.served 198.51.100.4",
     "locked - 203.0.113.7,198.51.100.4 provisioned acct1", 'A'},
	{"late: an event of the command's own second comes after it", "0s served 203.0.113.7; 2h unlock",
     "2h served 198.51.100.4", "locked - 198.51.100.4 provisioned acct1", 'A'},
	{"late: a window did not open a device that was held then",
     "0s served 203.0.113.7; 1h unlock for=1h; 3h suspect 198.51.100.9; 4h window-open 198.51.100.4 for=9h; "
     "8h unlock support",
     "5h served 198.51.100.4", "open 1795464000 203.0.113.7 unlocked acct1 exposed 198.51.100.4 moved 198.51.100.4",
     'A'},
	{"late: an older refused fetch from where it lives now is no note",
     "0s served 203.0.113.7; 2h unlock; 3h served 198.51.100.4", "1h refused 198.51.100.4",
     "locked - 198.51.100.4 provisioned acct1", 'A'},
	{"late: in watch mode an older foreign served fetch is only moved", "0s served 203.0.113.7; 2h unlock; 3h watch",
     "1h served 198.51.100.4", "open 1795442400 203.0.113.7 unlocked acct1 moved 198.51.100.4", 'A'},
	{"late: a command that is older than the newest event applies from its own time",
     "0s served 203.0.113.7; 3h served 192.0.2.1 B; 2h unlock", "150m served 198.51.100.4",
     "locked - 198.51.100.4 provisioned acct1", 'A'},
};

static void each_rule_does_what_its_row_says(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;
		char after[1024];

		world_open(&w);
		world_tell(&w, rows[i].before);
		world_tell(&w, rows[i].event);
		world_device(&w, rows[i].device, after, sizeof(after));
		if (strcmp(after, rows[i].after) != 0)
			fail_msg("%s: %s, not %s", rows[i].title, after, rows[i].after);
		world_close(&w);
	}
}

/* Whole stories: running the rules again on the same events, in one process or in many, gives the same state and record. */
static void each_row_is_the_same_in_one_process_or_in_many(void **state) {
	char *dumps[3];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned run = 0; run < 3; run++) {
			struct world w;

			world_open(&w);
			w.restarts = run;
			world_tell(&w, rows[i].before);
			world_tell(&w, rows[i].event);
			dumps[run] = world_dump(&w);
			world_close(&w);
		}
		assert_string_equal(dumps[0], dumps[1]);
		assert_string_equal(dumps[0], dumps[2]);
		for (unsigned run = 0; run < 3; run++)
			free(dumps[run]);
	}
}

static struct device device_of(struct world *w, char device) {
	struct device d;
	struct err err;

	assert_int_equal(store_device(w->store, world_mac(device), &d, &err), 1);
	return d;
}

struct counted {
	const char *what;
	unsigned n;
};

static int count_record(void *context, const struct record *r, struct err *err) {
	struct counted *c = context;

	(void)err;
	c->n += strcmp(r->what, c->what) == 0;
	return 0;
}

static unsigned records_of(struct world *w, const char *what) {
	struct record_filter filter = {.mac = MAC_NONE};
	struct counted c = {.what = what};
	struct err err;

	assert_int_equal(store_records(w->store, &filter, count_record, &c, &err), 0);
	return c.n;
}

/* published at, served at, label */
static void an_exposure_is_a_race_until_the_line_was_out_for_2s(void **state) {
	static const struct {
		const char *story;
		bool race;
	} labels[] = {
		{"0s served 203.0.113.7; 1h served 198.51.100.4", true}, /* never published */
		{"0s served 203.0.113.7; 3600s published; 3602s served 198.51.100.4", true},
		{"0s served 203.0.113.7; 3600s published; 3603s served 198.51.100.4", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		struct world w;

		world_open(&w);
		world_tell(&w, labels[i].story);
		assert_int_equal(device_of(&w, 'A').exposed_race, labels[i].race);
		world_close(&w);
	}
}

static void add_devices(struct world *w, int first, int last) {
	char story[64];

	for (int c = first; c <= last; c++) {
		(void)snprintf(story, sizeof(story), "0s add %c", c);
		world_tell(w, story);
	}
}

static void a_cascade_closes_20_an_hour_in_mac_order_and_then_reports(void **state) {
	struct world w;
	char after[256];

	(void)state;
	world_open(&w);
	world_tell(&w, "0s served 203.0.113.7");
	add_devices(&w, 'B', 'W'); /* 22 */
	world_tell(&w, "1h served 198.51.100.4");
	assert_int_equal(records_of(&w, "cascaded"), 20);
	assert_int_equal(records_of(&w, "reported"), 1);
	world_device(&w, 'U', after, sizeof(after));
	assert_string_equal(after, "locked - - account acct1");
	world_device(&w, 'V', after, sizeof(after));
	assert_string_equal(after, "open 1795435200 - new acct1");
	/* The same hour has none left; the next one has. */
	world_tell(&w, "1h clear-exposed; 119m served 198.51.100.4");
	assert_int_equal(records_of(&w, "cascaded"), 20);
	assert_int_equal(records_of(&w, "reported"), 2);
	world_tell(&w, "2h clear-exposed; 121m served 198.51.100.4");
	assert_int_equal(records_of(&w, "cascaded"), 22);
	assert_int_equal(records_of(&w, "reported"), 2);
	world_close(&w);
}

static void a_cascade_of_an_older_hour_counts_on_the_newest_one(void **state) {
	struct world w;

	(void)state;
	world_open(&w);
	world_tell(&w, "0s served 203.0.113.7; 0s served 203.0.113.7 X; 0s served 203.0.113.7 Y");
	add_devices(&w, 'B', 'F');
	world_tell(&w, "2h served 198.51.100.4");
	assert_int_equal(records_of(&w, "cascaded"), 5);
	add_devices(&w, 'G', 'P');
	world_tell(&w, "1h served 198.51.100.4 X");
	assert_int_equal(records_of(&w, "cascaded"), 15);
	add_devices(&w, 'Q', 'W');
	world_tell(&w, "2h served 198.51.100.4 Y");
	assert_int_equal(records_of(&w, "cascaded"), 20);
	world_close(&w);
}

static void moved_is_recorded_once_for_an_address_and_seldom_for_many(void **state) {
	struct world w;
	char story[64];

	(void)state;
	world_open(&w);
	world_tell(&w, "0s served 203.0.113.7; 1h refused 198.51.100.1; 2h refused 198.51.100.1");
	assert_int_equal(records_of(&w, "moved"), 1);
	for (unsigned i = 2; i < 250; i++) {
		(void)snprintf(story, sizeof(story), "2h refused 198.51.100.%u", i);
		world_tell(&w, story);
	}
	assert_true(records_of(&w, "moved") <= 20);
	assert_int_equal(device_of(&w, 'A').moved_count, 250);
	world_close(&w);
}

static void a_held_device_is_recorded_as_held(void **state) {
	struct world w;

	(void)state;
	world_open(&w);
	world_tell(&w, "0s served 203.0.113.7; 1h unlock for=1h; 3h suspect 198.51.100.9; 4h suspect 198.51.100.9");
	assert_int_equal(records_of(&w, "held"), 1);
	assert_int_equal(judge_sums(w.judge)->held, 1);
	world_close(&w);
}

static void a_removed_device_is_forgotten_after_30d_of_state_time(void **state) {
	struct world w;
	char after[256];

	(void)state;
	world_open(&w);
	world_tell(&w, "0s served 203.0.113.7; 1h remove; 29d served 203.0.113.9 B");
	world_device(&w, 'A', after, sizeof(after));
	assert_string_equal(after, "locked - - manual acct1");
	world_tell(&w, "31d served 203.0.113.9 B");
	world_device(&w, 'A', after, sizeof(after));
	assert_string_equal(after, "unknown");
	world_close(&w);
}

struct evidence {
	char log[32], line[32], rule[32];
	uint64_t offset;
	int64_t time, uid;
};

static int evidence_each(void *context, const struct record *r, struct err *err) {
	struct evidence *e = context;

	(void)err;
	(void)slice_copy(r->log, e->log, sizeof(e->log));
	(void)slice_copy(r->evidence, e->line, sizeof(e->line));
	(void)slice_copy(r->rule, e->rule, sizeof(e->rule));
	e->offset = r->offset;
	e->time = r->time;
	e->uid = r->uid;
	return 0;
}

static void a_change_carries_its_rule_and_evidence(void **state) {
	struct record_filter filter = {.mac = world_mac('A')};
	struct evidence e = {0};
	struct err err;
	struct world w;

	(void)state;
	world_open(&w);
	world_tell(&w, "0s device.created; 1h served 203.0.113.7 B; 2h served 203.0.113.7");
	assert_int_equal(store_records(w.store, &filter, evidence_each, &e, &err), 0);
	assert_string_equal(e.log, "test.log");
	assert_string_equal(e.line, "a line");
	assert_string_equal(e.rule, "rule 2");
	assert_int_equal(e.offset, 2);
	assert_int_equal(e.time, EPOCH + 2 * HOUR);
	assert_int_equal(e.uid, -1);
	world_close(&w);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_does_what_its_row_says),
		cmocka_unit_test(each_row_is_the_same_in_one_process_or_in_many),
		cmocka_unit_test(an_exposure_is_a_race_until_the_line_was_out_for_2s),
		cmocka_unit_test(a_cascade_closes_20_an_hour_in_mac_order_and_then_reports),
		cmocka_unit_test(a_cascade_of_an_older_hour_counts_on_the_newest_one),
		cmocka_unit_test(moved_is_recorded_once_for_an_address_and_seldom_for_many),
		cmocka_unit_test(a_change_carries_its_rule_and_evidence),
		cmocka_unit_test(a_held_device_is_recorded_as_held),
		cmocka_unit_test(a_removed_device_is_forgotten_after_30d_of_state_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
