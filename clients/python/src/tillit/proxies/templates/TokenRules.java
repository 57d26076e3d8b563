import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import org.springframework.boot.autoconfigure.security.oauth2.resource.JwkSetUriJwtDecoderBuilderCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.oauth2.core.OAuth2Error;
import org.springframework.security.oauth2.core.OAuth2TokenValidator;
import org.springframework.security.oauth2.core.OAuth2TokenValidatorResult;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.web.SecurityFilterChain;

@Configuration
class TokenRules {
    /** Both kinds of tokens that the authority issues (RFC 9068 section 2.1), and no other. */
    @Bean
    JwkSetUriJwtDecoderBuilderCustomizer tokenTypes() {
        var types = new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("at+jwt"), JOSEObjectType.JWT);
        return builder -> builder.jwtProcessorCustomizer(processor -> processor.setJWSTypeVerifier(types));
    }

    /** A token that is bound to a key is a stolen one until its sender proves the key, which nobody here looks at. */
    @Bean
    OAuth2TokenValidator<Jwt> notBound() {
        var error = new OAuth2Error("invalid_token");
        return jwt -> jwt.hasClaim("cnf")
            ? OAuth2TokenValidatorResult.failure(error)
            : OAuth2TokenValidatorResult.success();
    }

    @Bean
    SecurityFilterChain rules(HttpSecurity http) throws Exception {
        return http
            .authorizeHttpRequests(requests -> requests.anyRequest().access(
                org.springframework.security.authorization.AuthorizationManagers.allOf(
@scopes@
                )))
            .oauth2ResourceServer(server -> server.jwt(jwt -> {}))
            .build();
    }
}
