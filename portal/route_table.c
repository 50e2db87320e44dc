#include <stddef.h>

#include "portal/route.h"

/* Words that several have. */
#define MAC                                                                                                            \
	{ "mac", IN_PATH, KIND_MAC, "mac", true }
#define ACCOUNT                                                                                                        \
	{ "account", IN_PATH, KIND_ACCOUNT, "account", true }
#define REASON                                                                                                         \
	{ "reason", IN_BODY, KIND_TEXT, "reason", false }
#define LIMIT                                                                                                          \
	{ "limit", IN_QUERY, KIND_LIMIT, "limit", false }
#define BEFORE                                                                                                         \
	{ "before", IN_QUERY, KIND_TEXT, "before", false }
#define OF                                                                                                             \
	{ "account", IN_QUERY, KIND_ACCOUNT, "account", false }
#define LASTS(n)                                                                                                       \
	{ "for", IN_BODY, KIND_DURATION, "for", n }
#define COMMENT                                                                                                        \
	{ "comment", IN_BODY, KIND_TEXT, "comment", false }
#define AT(as)                                                                                                         \
	{ "prefix", IN_PATH, KIND_PREFIX, as, true }
#define NO_MORE                                                                                                        \
	{ NULL, IN_PATH, KIND_TEXT, NULL, false }

static const struct word none[] = {NO_MORE};
static const struct word device[] = {MAC, NO_MORE};
static const struct word device_record[] = {MAC, BEFORE, LIMIT, NO_MORE};
static const struct word device_unlock[] = {
	MAC, LASTS(false), REASON, {"support", IN_BODY, KIND_BOOL, "support", false}, NO_MORE};
static const struct word device_lock[] = {MAC, REASON, {"no_home", IN_BODY, KIND_BOOL, "no_home", false}, NO_MORE};
static const struct word devices[] = {OF,
                                      {"state", IN_QUERY, KIND_STATE, "state", false},
                                      {"exposed", IN_QUERY, KIND_TRUE, "exposed", false},
                                      {"moved", IN_QUERY, KIND_TRUE, "moved", false},
                                      {"registered", IN_QUERY, KIND_BOOL, "registered", false},
                                      {"q", IN_QUERY, KIND_TEXT, "q", false},
                                      {"after", IN_QUERY, KIND_MAC, "after", false},
                                      LIMIT,
                                      NO_MORE};
static const struct word exposed[] = {OF, {"after", IN_QUERY, KIND_MAC, "after", false}, LIMIT, NO_MORE};
static const struct word account_unlock[] = {
	ACCOUNT, LASTS(false), REASON, {"preview", IN_BODY, KIND_BOOL, "preview", false}, NO_MORE};
static const struct word lock_of_account[] = {{"account", IN_PATH, KIND_ACCOUNT, "account_of", true}, MAC, NO_MORE};
static const struct word of_account[] = {OF, NO_MORE};
static const struct word window_open[] = {{"window", IN_BODY, KIND_PREFIX, "window", true},
                                          {"account", IN_BODY, KIND_ACCOUNT, "account", false},
                                          {"any_account", IN_BODY, KIND_BOOL, "any_account", false},
                                          {"for", IN_BODY, KIND_HOURS, "hours", true},
                                          REASON,
                                          NO_MORE};
static const struct word window_close[] = {
	{"account", IN_PATH, KIND_ACCOUNT_OR_ANY, "account", true}, AT("window"), NO_MORE};
static const struct word network_add[] = {{"network", IN_BODY, KIND_PREFIX, "network", true},
                                          {"account", IN_BODY, KIND_ACCOUNT, "account", true},
                                          REASON,
                                          NO_MORE};
static const struct word network_remove[] = {ACCOUNT, AT("network"), NO_MORE};
static const struct word bans[] = {
	{"all", IN_QUERY, KIND_BOOL, "all", false}, {"after", IN_QUERY, KIND_TEXT, "after", false}, LIMIT, NO_MORE};
static const struct word address[] = {AT("ip"), NO_MORE};
static const struct word address_ban[] = {AT("ip"), LASTS(true), COMMENT, REASON, NO_MORE};
static const struct word address_entry[] = {AT("ip"), LASTS(false), COMMENT, REASON, NO_MORE};
static const struct word record[] = {{"mac", IN_QUERY, KIND_MAC, "mac", false},
                                     {"ip", IN_QUERY, KIND_PREFIX, "ip", false},
                                     {"since", IN_QUERY, KIND_TIME, "since", false},
                                     BEFORE,
                                     LIMIT,
                                     NO_MORE};

#define NO_DEVICE  "there is no such device, or it is not yours"
#define NO_ACCOUNT "there is no such account, or it is not yours"
#define NO_PLACE   "there is none of exactly that address or prefix, or it is not yours"

#define READ(path, shape, verb, fixed, words, unknown)                                                                 \
	{ "GET", path, WHOSE_TOKEN, shape, false, verb, fixed, words, unknown }
#define CHANGE(method, path, shape, verb, fixed, words, unknown)                                                       \
	{ method, path, WHOSE_TOKEN, shape, true, verb, fixed, words, unknown }
#define OWN_FILE(path)                                                                                                 \
	{ "GET", path, WHOSE_FILE, SHAPE_OBJECT, false, NULL, NULL, none, NULL }

/* clang-format off */
/* A path in words stands before one with a name in the same place. */
const struct route routes[] = {
	{"GET", "/v1/verdict", WHOSE_VERDICT, SHAPE_OBJECT, false, NULL, NULL, none, NULL},
	OWN_FILE("/v1/openapi.json"),
	{"GET", "/v1/me", WHOSE_SELF, SHAPE_OBJECT, false, "me", NULL, none, NULL},
	{"DELETE", "/v1/me/ban", WHOSE_SELF, SHAPE_OBJECT, true, "me-unban", NULL, none, "your address is not banned"},
	READ("/v1/session", SHAPE_OBJECT, "session", NULL, none, NULL),
	READ("/v1/devices", SHAPE_ITEMS, "list", NULL, devices, NO_ACCOUNT),
	READ("/v1/exposed", SHAPE_ITEMS, "list", "\"exposed\":true", exposed, NO_ACCOUNT),
	READ("/v1/devices/{mac}", SHAPE_DEVICE, "show", NULL, device, NO_DEVICE),
	READ("/v1/devices/{mac}/explain", SHAPE_DEVICE, "explain", NULL, device, NO_DEVICE),
	READ("/v1/devices/{mac}/record", SHAPE_ITEMS, "log", NULL, device_record, NO_DEVICE),
	CHANGE("POST", "/v1/devices/{mac}/unlock", SHAPE_DEVICE, "unlock", NULL, device_unlock, NO_DEVICE),
	CHANGE("POST", "/v1/devices/{mac}/lock", SHAPE_DEVICE, "lock", NULL, device_lock, NO_DEVICE),
	CHANGE("POST", "/v1/accounts/{account}/unlock", SHAPE_ITEMS, "unlock", NULL, account_unlock, NO_ACCOUNT),
	CHANGE("DELETE", "/v1/locks/{account}/{mac}", SHAPE_DEVICE, "unlock", NULL, lock_of_account, NO_DEVICE),
	READ("/v1/windows", SHAPE_ITEMS, "window", "\"do\":\"list\"", none, NULL),
	CHANGE("POST", "/v1/windows", SHAPE_OBJECT, "window", "\"do\":\"open\"", window_open, NO_ACCOUNT),
	CHANGE("DELETE", "/v1/windows/{account}/{prefix}", SHAPE_OBJECT, "window", "\"do\":\"close\"", window_close, NO_PLACE),
	READ("/v1/networks", SHAPE_ITEMS, "network", "\"do\":\"list\"", of_account, NO_ACCOUNT),
	CHANGE("POST", "/v1/networks", SHAPE_OBJECT, "network", "\"do\":\"add\"", network_add, NO_ACCOUNT),
	CHANGE("DELETE", "/v1/networks/{account}/{prefix}", SHAPE_OBJECT, "network", "\"do\":\"remove\"", network_remove, NO_PLACE),
	READ("/v1/bans", SHAPE_ITEMS, "bans", NULL, bans, NULL),
	READ("/v1/addresses/{prefix}", SHAPE_OBJECT, "ip", NULL, address, NO_PLACE),
	CHANGE("PUT", "/v1/addresses/{prefix}/ban", SHAPE_OBJECT, "ban", NULL, address_ban, NO_PLACE),
	CHANGE("DELETE", "/v1/addresses/{prefix}/ban", SHAPE_OBJECT, "unban", NULL, address, NULL),
	CHANGE("PUT", "/v1/addresses/{prefix}/block", SHAPE_OBJECT, "block", NULL, address_entry, NO_PLACE),
	CHANGE("DELETE", "/v1/addresses/{prefix}/block", SHAPE_OBJECT, "block", "\"remove\":true", address, NO_PLACE),
	CHANGE("PUT", "/v1/addresses/{prefix}/allow", SHAPE_OBJECT, "allow", NULL, address_entry, NO_PLACE),
	CHANGE("DELETE", "/v1/addresses/{prefix}/allow", SHAPE_OBJECT, "allow", "\"remove\":true", address, NO_PLACE),
	READ("/v1/record", SHAPE_ITEMS, "log", NULL, record, NO_DEVICE),
	READ("/v1/status", SHAPE_OBJECT, "status", NULL, none, NULL),
	READ("/metrics", SHAPE_TEXT, "metrics", NULL, none, NULL),
	OWN_FILE("/"),
	OWN_FILE("/{file}"),
	{0},
};
/* clang-format on */
