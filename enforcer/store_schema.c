#include "enforcer/store_private.h"

/* Addresses are 16 bytes, and a prefix is its base and its bits of 128. A time without end is 0, but for `until` of bans; `used` of a
 * home is 0 where disuse does not end it. What a device is
 * stands in `data`, as store_device_code.c writes it; the columns beside it are what SQL asks by, and what replays need not reproduce. */
const char *const store_steps[STORE_SCHEMA] = {
	"CREATE TABLE number (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE sum (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE secret (key BLOB NOT NULL);"
	"CREATE TABLE part (id INTEGER PRIMARY KEY, marked INTEGER NOT NULL, changed INTEGER NOT NULL);"

	"CREATE TABLE device (mac INTEGER PRIMARY KEY, account TEXT NOT NULL, removed INTEGER NOT NULL,"
	" published INTEGER NOT NULL, seen INTEGER NOT NULL, data BLOB NOT NULL);"
	"CREATE INDEX device_account ON device (account);"
	"CREATE INDEX device_shard ON device (mac & 255);"
	"CREATE INDEX device_removed ON device (removed) WHERE removed <> 0;"
	"CREATE INDEX device_unpublished ON device (mac & 255) WHERE published = 0;"
	"CREATE TABLE home (base BLOB NOT NULL, bits INTEGER NOT NULL, mac INTEGER NOT NULL, given INTEGER NOT NULL,"
	" backed INTEGER NOT NULL, added INTEGER NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (base, bits, mac)) WITHOUT "
	"ROWID;"
	"CREATE INDEX home_used ON home (used) WHERE used <> 0;"
	"CREATE INDEX home_mac ON home (mac);"
	"CREATE INDEX home_given ON home (bits, base) WHERE bits < 128;"
	"CREATE TABLE user (user TEXT NOT NULL, realm TEXT NOT NULL, mac INTEGER NOT NULL,"
	" PRIMARY KEY (user, realm, mac)) WITHOUT ROWID;"
	"CREATE INDEX user_mac ON user (mac);"

	"CREATE TABLE network (bits INTEGER NOT NULL, base BLOB NOT NULL, account TEXT NOT NULL, added INTEGER NOT NULL,"
	" removed INTEGER NOT NULL, PRIMARY KEY (bits, base, account, added)) WITHOUT ROWID;"
	"CREATE INDEX network_account ON network (account);"
	"CREATE TABLE \"window\" (id INTEGER PRIMARY KEY, base BLOB NOT NULL, bits INTEGER NOT NULL, account TEXT NOT NULL,"
	" start INTEGER NOT NULL, until INTEGER NOT NULL);"
	"CREATE INDEX window_until ON \"window\" (until);"
	"CREATE INDEX window_at ON \"window\" (bits, base);"
	"CREATE TABLE registered (user TEXT NOT NULL, realm TEXT NOT NULL, base BLOB NOT NULL, mac INTEGER NOT NULL,"
	" time INTEGER NOT NULL, PRIMARY KEY (user, realm, base)) WITHOUT ROWID;"
	"CREATE INDEX registered_at ON registered (base, time);"
	"CREATE INDEX registered_mac ON registered (mac, time) WHERE mac <> 0;"
	"CREATE INDEX registered_time ON registered (time);"

	"CREATE TABLE ban (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, base BLOB NOT NULL, bits INTEGER NOT NULL,"
	" cause TEXT NOT NULL, start INTEGER NOT NULL, until INTEGER NOT NULL, level INTEGER NOT NULL,"
	" proven INTEGER NOT NULL, pending INTEGER NOT NULL, lifted INTEGER NOT NULL, installed INTEGER NOT NULL,"
	" packets INTEGER NOT NULL, bytes INTEGER NOT NULL, comment TEXT NOT NULL);"
	"CREATE INDEX ban_at ON ban (kind, bits, base);"
	"CREATE INDEX ban_order ON ban (base, bits, id);"
	"CREATE INDEX ban_until ON ban (kind, lifted, pending, until);"
	"CREATE INDEX ban_pending ON ban (start, id) WHERE kind = 0 AND lifted = 0 AND pending = 1;"
	"CREATE INDEX ban_unproven ON ban (until, id) WHERE kind = 0 AND lifted = 0 AND pending = 0 AND proven = 0;"
	"CREATE INDEX ban_end ON ban (until);"
	"CREATE INDEX ban_lifted ON ban (lifted) WHERE lifted <> 0;"
	"CREATE TABLE counter (slot INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"

	"CREATE TABLE record (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, what TEXT NOT NULL, mac INTEGER NOT NULL,"
	" base BLOB NOT NULL, bits INTEGER NOT NULL, account TEXT NOT NULL, rule TEXT NOT NULL, detail TEXT NOT NULL,"
	" line TEXT NOT NULL, uid INTEGER NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL, log TEXT NOT NULL,"
	" \"offset\" INTEGER NOT NULL, evidence TEXT NOT NULL, size INTEGER NOT NULL);"
	"CREATE INDEX record_time ON record (time);"
	"CREATE INDEX record_mac ON record (mac, time) WHERE mac <> 0;"
	"CREATE INDEX record_ip ON record (base) WHERE bits <> 0;"
	"CREATE INDEX record_prefix ON record (bits, base) WHERE bits > 0 AND bits < 128;"

	"CREATE TABLE cursor (id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL);"
	"CREATE TABLE notice (name TEXT PRIMARY KEY, text TEXT NOT NULL, time INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE early (id INTEGER PRIMARY KEY, cursor INTEGER NOT NULL, time INTEGER NOT NULL, event BLOB NOT NULL);"
	"CREATE INDEX early_time ON early (time);"
	"CREATE INDEX early_cursor ON early (cursor);",

	/* Cursors got a mark at their end: an empty text. */
	"UPDATE cursor SET data = CAST(data || x'0000' AS BLOB);",

	/* AUTOINCREMENT: whoever is told twice knows it by the id. */
	"CREATE TABLE hook (id INTEGER PRIMARY KEY AUTOINCREMENT, device INTEGER NOT NULL, tries INTEGER NOT NULL,"
	" aside INTEGER NOT NULL, problem TEXT NOT NULL, document TEXT NOT NULL);"
	"CREATE INDEX hook_order ON hook (aside, id);",

	/* What was a named number of each account: there may be more accounts than numbers. */
	"CREATE TABLE cascade (account TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO cascade SELECT substr(name, 9), value FROM number WHERE substr(name, 1, 8) = 'cascade.';"
	"DELETE FROM number WHERE substr(name, 1, 8) = 'cascade.';",

	/* Pauses of the locks that are over: what was served then is asked later. */
	"CREATE TABLE pause (start INTEGER PRIMARY KEY, until INTEGER NOT NULL);",

	/* Who may use the portal, and how often an address lifted its own ban on a day. */
	"CREATE TABLE token (id TEXT PRIMARY KEY, role INTEGER NOT NULL, account TEXT NOT NULL, hash BLOB NOT NULL,"
	" created INTEGER NOT NULL, until INTEGER NOT NULL, used INTEGER NOT NULL, comment TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE token_mac (id TEXT NOT NULL, mac INTEGER NOT NULL, PRIMARY KEY (id, mac)) WITHOUT ROWID;"
	"CREATE TABLE lift (base BLOB PRIMARY KEY, day INTEGER NOT NULL, lifts INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX lift_day ON lift (day);",

	/* How devices stand; store_standing.c fills it. */
	"CREATE TABLE standing (kind INTEGER NOT NULL, time INTEGER NOT NULL, mac INTEGER NOT NULL,"
	" PRIMARY KEY (kind, time, mac)) WITHOUT ROWID;",

	/* A phone registers again and again: nothing but its row changes then. Homes of a device are known from its row. `seen` holds when
	 * the devices of 256 MACs were seen: MAC (6 bytes) and time (4 bytes) of each, in order. */
	"DROP INDEX registered_at; DROP INDEX registered_mac; DROP INDEX registered_time;"
	"CREATE INDEX registered_base ON registered (base);"
	"CREATE INDEX registered_device ON registered (mac) WHERE mac <> 0;"
	"DROP INDEX home_mac;"
	"CREATE TABLE seen (part INTEGER PRIMARY KEY, data BLOB NOT NULL);",

	/* Rows of `counter` hold several slots each (counter_codec.c), beside those of one slot that are there: nothing is to be done, but to keep
	 * provctl of before away from them. */
	"",

	/* Whose a registration is and when it was made last stand by the number of its row in blobs (store_registered.c); in the row stands when it was
	 * made first. */
	"CREATE TABLE registration (id INTEGER PRIMARY KEY, user TEXT NOT NULL, realm TEXT NOT NULL, base BLOB NOT NULL,"
	" mac INTEGER NOT NULL, time INTEGER NOT NULL);"
	"INSERT INTO registration (user, realm, base, mac, time) SELECT user, realm, base, mac, time FROM registered"
	" ORDER BY user, realm, base;"
	"CREATE INDEX registration_base ON registration (base);"
	"CREATE INDEX registration_mac ON registration (mac) WHERE mac <> 0;"
	"DROP TABLE registered;"
	"CREATE TABLE renewed (part INTEGER PRIMARY KEY, times BLOB NOT NULL);"
	"CREATE TABLE registrant (part INTEGER PRIMARY KEY, owners BLOB NOT NULL);"
	"DELETE FROM number WHERE name = 'registrations';",

	/* Strips of neighbours (store_glance.c), which take up what `seen` had; then there is no such table. */
	"CREATE TABLE glance (first INTEGER PRIMARY KEY, data BLOB NOT NULL);"
	"INSERT INTO glance (first, data) VALUES (0, x'0100');",

	/* When registrations were made last, of as many as there is no need to write all of `renewed` for. */
	"CREATE TABLE renewal (id INTEGER PRIMARY KEY, times BLOB NOT NULL);",
};
