#include <stddef.h>

#include "common/js.h"

#include "portal/problem.h"

#define DOCUMENT_MAX 8192

static const char *problem_title(unsigned status) {
	static const struct {
		unsigned status;
		const char *title;
	} titles[] = {
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{409, "Conflict"},
		{411, "Length Required"},
		{412, "Precondition Failed"},
		{413, "Content Too Large"},
		{415, "Unsupported Media Type"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
	};

	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "Error";
}

void problem_answer(struct http_answer *a, unsigned status, const char *detail) {
	*a = (struct http_answer){.status = status, .type = "application/problem+json", .challenge = status == 401};
	if (status == 429 || status == 503)
		a->retry = PROBLEM_AGAIN;
	buf_init(&a->body, DOCUMENT_MAX);
	js_begin(&a->body, '{');
	js_put_string(&a->body, "type", "about:blank");
	js_put_string(&a->body, "title", problem_title(status));
	js_put_number(&a->body, "status", status);
	js_put_string(&a->body, "detail", detail);
	js_end(&a->body, '}');
}
