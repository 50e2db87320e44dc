libanalyzer_a_SOURCES = \
	analyzer/format.h \
	analyzer/pass.h \
	analyzer/rule.h \
	analyzer/source.h
